"""Training of hedged embeddings: soft contrastive loss and a pull to the prior.

S. J. Oh and others, "Modeling uncertainty with hedged instance embeddings", ICLR 2019, as a
variational bottleneck (A. Alemi and others, ICLR 2017). Needs torch (extra ``text``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.encode.matryoshka import import_torch
from likewise.errors import InvalidArgument

if TYPE_CHECKING:
    import torch

#: Logarithms of variances are kept within these.
LOWEST, HIGHEST = -10.0, 5.0


@suggest_arguments
def hedged_loss(
    means: torch.Tensor,
    log_variances: torch.Tensor,
    pairs: torch.Tensor,
    match: torch.Tensor,
    *,
    scale: torch.Tensor | float,
    offset: torch.Tensor | float,
    samples: int = 8,
    beta: float = 1e-4,
    random_state: int = 0,
) -> torch.Tensor:
    """-log p(match) of pairs that match, -log(1 - p(match)) of others, + beta KL to N(0, 1).

    ``p(match) = 1/K^2 sum_ij sigmoid(-scale |z1_i - z2_j| + offset)`` with K samples of each row,
    ``z = mean + exp(log_variance / 2) e``; the KL divergence of a row from the standard normal is
    ``1/2 sum( variance + mean^2 - 1 - log_variance )``. Averaged over pairs, and over rows.

    Args:
        means, log_variances: (n, dim); logarithms are taken within -10 and 5.
        pairs: (p, 2) integers, rows of the two.
        match: (p,) booleans.
        scale: above 0, such as ``softplus`` of a parameter. offset: a number or parameter.
        samples: K.
        beta: weight of the KL divergence. At 0 variances shrink to nothing; too large, and all
            rows become the prior.
        random_state: the seed of the samples: another one for every step of training.

    Returns:
        A scalar tensor that can be differentiated.

    Raises:
        InvalidArgument: shapes that differ; a negative beta; a scale not above 0.
        MissingExtra: torch is not installed.

    Cost: K^2 distances a pair.

    Example:
        >>> import torch
        >>> means, logs = torch.tensor([[0.0, 0.0], [9.0, 0.0]]), torch.full((2, 2), -9.0)
        >>> pairs = torch.tensor([[0, 0], [0, 1]])
        >>> loss = hedged_loss(means, logs, pairs, torch.tensor([True, False]), scale=1.0,
        ...                    offset=4.0)
        >>> 0 < loss.item() < 0.1
        True
    """
    library = import_torch()
    _check(means, log_variances, pairs, match)
    weight = check_number("beta", beta)
    if weight < 0:
        raise InvalidArgument(f"beta must be at least 0; got {beta}")
    steep = library.as_tensor(scale)
    if not bool((steep > 0).all()):
        raise InvalidArgument(
            f"scale must be above 0; got {steep.detach().tolist()}; softplus keeps it there"
        )
    count = check_count("samples", samples)
    logs = log_variances.clamp(LOWEST, HIGHEST)
    generator = library.Generator(device=means.device)
    generator.manual_seed(check_count("random_state", random_state, minimum=0))
    drawn = library.randn(
        (2, count, *pairs.shape[:1], means.shape[1]), generator=generator, device=means.device
    )
    sides = [
        means[rows] + (0.5 * logs[rows]).exp() * noise
        for rows, noise in zip(pairs.T, drawn, strict=True)
    ]
    gaps = sides[0][:, None] - sides[1][None, :]
    # The root has no slope at 0.
    distances = (gaps.square().sum(dim=-1) + 1e-12).sqrt()
    logits = library.as_tensor(offset) - steep * distances
    signed = library.where(match, logits, -logits)
    # The mean of probabilities, by their logarithms: log-mean-exp of log-sigmoid.
    chances = library.nn.functional.logsigmoid(signed).reshape(count * count, -1)
    total = -(library.logsumexp(chances, dim=0) - 2 * library.tensor(float(count)).log()).mean()
    prior = 0.5 * (logs.exp() + means.square() - 1 - logs).sum(dim=1).mean()
    result: torch.Tensor = total + weight * prior
    return result


def _check(means: Any, log_variances: Any, pairs: Any, match: Any) -> None:
    import torch

    if means.ndim != 2 or means.shape != log_variances.shape:
        raise InvalidArgument(
            f"means and log_variances must both be (n, dim); got {tuple(means.shape)} and "
            f"{tuple(log_variances.shape)}"
        )
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or match.shape != pairs.shape[:1]:
        raise InvalidArgument(
            f"pairs must be (p, 2) with a match (p,) each, p at least 1; got "
            f"{tuple(pairs.shape)} and {tuple(match.shape)}"
        )
    if match.dtype != torch.bool:
        raise InvalidArgument(f"match must hold booleans, True for a match; got {match.dtype}")
    if int(pairs.min()) < 0 or int(pairs.max()) >= len(means):
        raise InvalidArgument(
            f"pairs must be rows 0 to {len(means) - 1}; got {int(pairs.min())} to "
            f"{int(pairs.max())}"
        )
