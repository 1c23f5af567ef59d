"""`TermModel`: token ids through a masked-language model to one weight a token of the vocabulary.

The differentiable heart of `Splade`: encoding runs it without gradients, training with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Pool = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def max_pool(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """max_i mask_i log(1 + relu(logit_ij)) (Formal et al., "SPLADE v2", 2021)."""
    import torch

    # The logarithm rises with its argument: the largest logit has the largest weight, and one
    # logarithm a term does for all tokens. A hidden token's 0 is what relu gives at least.
    largest = logits.masked_fill(mask.unsqueeze(-1) == 0, 0).amax(dim=1)
    return torch.log1p(torch.relu(largest))


def sum_pool(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """sum_i mask_i log(1 + relu(logit_ij)) (Formal, Piwowarski and Clinchant, SIGIR 2021)."""
    import torch

    weights = torch.log1p(torch.relu(logits))
    return weights.masked_fill(mask.unsqueeze(-1) == 0, 0).sum(dim=1)


#: How the tokens of a text become one row: (n, tokens, dim) logits and (n, tokens) mask.
POOLINGS: dict[str, Pool] = {"max": max_pool, "sum": sum_pool}


class TermModel:
    """A masked-language model as a map from token ids to (n, dim) weights, none below zero.

    Args:
        model: gives logits of (texts, tokens, at least dim).
        pooling: a key of `POOLINGS`.
        dim: how many tokens the tokenizer has; further columns are padding and cut off.
        dropped: token ids that are no terms: their columns are zero.
        padding: the id that fills up short rows, hidden by the attention mask.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        pooling: str,
        dim: int,
        dropped: Sequence[int],
        padding: int,
    ) -> None:
        import torch

        self.model = model
        self.pool = POOLINGS[pooling]
        self.dim = dim
        self.padding = padding
        self.kept = torch.ones(dim)
        self.kept[list(dropped)] = 0

    def __call__(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Token ids of n texts, of any lengths, to an (n, dim) tensor."""
        import torch

        device = next(self.model.parameters()).device
        longest = max(map(len, ids))
        tokens = torch.full((len(ids), longest), self.padding)
        mask = torch.zeros((len(ids), longest), dtype=torch.long)
        for row, text in enumerate(ids):
            tokens[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        tokens, mask = tokens.to(device), mask.to(device)
        logits = self.model(input_ids=tokens, attention_mask=mask).logits
        weights = self.pool(logits[..., : self.dim], mask)
        return weights * self.kept.to(device=weights.device, dtype=weights.dtype)
