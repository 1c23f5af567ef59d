"""One step of training: rows of a batch, their loss, and the weights that change by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from likewise.encode._batches import Batch
from likewise.encode._distilling import Teaching
from likewise.encode._training_texts import TrainingTexts
from likewise.encode.losses import DISTILLATION, LOSSES, flops
from likewise.errors import InvalidArgument

if TYPE_CHECKING:
    import torch

    from likewise.encode.splade import Splade


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to become small.

    Attributes:
        losses: weights of ranking losses by name.
        query_weight, document_weight: weights of the regularisers.
        query_regulariser: the one of queries; that of documents is FLOPS.
    """

    losses: Mapping[str, float]
    query_weight: float
    document_weight: float
    query_regulariser: Callable[[torch.Tensor], torch.Tensor]


class Trainer:
    """The models of an encoder, and the state of the optimiser that changes them."""

    def __init__(
        self, splade: Splade, objective: Objective, teaching: Teaching, learn_query_weights: bool
    ) -> None:
        import torch

        self.splade, self.objective, self.teaching = splade, objective, teaching
        self.models = [m for m in (splade.model, splade.query_model) if m is not None]
        self.query_weights: torch.nn.Parameter | None = None
        # Each parameter once: a query model may be the document model itself.
        parameters = list(dict.fromkeys(p for m in self.models for p in m.parameters()))
        groups: list[dict[str, Any]] = [{"params": parameters}]
        if learn_query_weights:
            before = splade.query_weights
            start = torch.ones(splade.dim) if before is None else torch.from_numpy(before.copy())
            self.query_weights = torch.nn.Parameter(start)
            groups.append({"params": [self.query_weights], "weight_decay": 0.0})
        self.optimiser = torch.optim.AdamW(groups)

    @contextmanager
    def training(self, seed: int) -> Iterator[None]:
        """Chance of its own, and encoders ready for use at the end, whatever ends it."""
        import torch

        devices = {p.device for m in self.models for p in m.parameters() if p.device.type == "cuda"}
        with torch.random.fork_rng(devices=list(devices)):
            torch.manual_seed(seed)
            try:
                yield
            finally:
                for model in self.models:
                    model.eval()
                if self.query_weights is not None:
                    self.splade.query_weights = self.query_weights.detach().numpy()

    def step(
        self, batch: Batch, texts: TrainingTexts, rate: float, strength: float
    ) -> dict[str, float]:
        """Change the weights by one batch, with regularisers of this ``strength``; the figures.

        Raises:
            InvalidArgument: the loss is not finite; no weight was changed.
        """
        import torch

        for model in self.models:
            model.train()
        queries = self._queries(batch, texts)
        documents = self.splade.term_model()([texts.document(i) for i in batch.documents])
        ranking = self._ranking(queries @ documents.T, batch)
        goal, spread = self.objective, flops(documents)
        penalty = goal.document_weight * spread
        if goal.query_weight:
            penalty = penalty + goal.query_weight * goal.query_regulariser(queries)
        loss = ranking + strength * penalty
        if not bool(torch.isfinite(loss)):
            raise InvalidArgument(
                f"the loss became {loss.item()}; expected a finite number: lower learning_rate"
                f" ({rate:g} at this step), or the weights of the losses"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        with torch.no_grad():
            if self.query_weights is not None:
                self.query_weights.clamp_(min=0)
            return {
                "loss": loss.item(),
                "ranking": ranking.item(),
                "query_terms": (queries != 0).sum(dim=1).float().mean().item(),
                "document_terms": (documents != 0).sum(dim=1).float().mean().item(),
                "query_flops": flops(queries).item(),
                "document_flops": spread.item(),
            }

    def _queries(self, batch: Batch, texts: TrainingTexts) -> torch.Tensor:
        """(n, dim) rows: by a model, or as bags of tokens with fixed or learned weights."""
        import torch

        asked = [example.query for example in batch.examples]
        if not self.splade.document_only:
            return self.splade.term_model(query=True)([texts.query(query) for query in asked])
        device = next(self.splade.model.parameters()).device
        if self.query_weights is None:
            return torch.from_numpy(self.splade.bags(asked).toarray()).to(device)
        held = torch.zeros(len(asked), self.splade.dim)
        for row, ids in enumerate(self.splade.bag_ids(asked)):
            held[row, ids] = 1
        return (held * self.query_weights).to(device)

    def _ranking(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        import torch

        def tensor(array: Any) -> torch.Tensor:
            return torch.from_numpy(array).to(scores.device)

        mask = tensor(batch.mask)
        own = scores.gather(1, tensor(batch.columns))
        parts = []
        for name, weight in self.objective.losses.items():
            if name in DISTILLATION and own.shape[1] == 1:
                found = own.sum() * 0  # no query of the batch has a negative
            elif name in DISTILLATION:
                found = LOSSES[name](own, tensor(self.teaching.scores(batch)), mask)
            else:  # the documents of the other queries are negatives too
                wide = torch.cat([own, scores], dim=1)
                found = LOSSES[name](wide, torch.cat([mask, tensor(batch.others)], dim=1))
            parts.append(weight * found)
        return torch.stack(parts).sum()
