"""Checks of what losses are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.errors import InvalidArgument

if TYPE_CHECKING:
    import torch


def check_rows(rows: torch.Tensor) -> None:
    """Refuse what is not (n, dim) with at least one row."""
    if rows.ndim != 2 or not len(rows):
        raise InvalidArgument(
            f"rows must have shape (n, dim) with at least one row; got {tuple(rows.shape)}"
        )


def check_scores(scores: torch.Tensor) -> None:
    """Refuse what is not (n, c) with an answer and at least one other document."""
    if scores.ndim != 2 or not len(scores) or scores.shape[1] < 2:
        raise InvalidArgument(
            "scores must have shape (n, c): n queries, and c >= 2 documents with the answer in "
            f"column 0; got {tuple(scores.shape)}"
        )


def check_like(name: str, given: torch.Tensor, scores: torch.Tensor) -> None:
    """Refuse ``given`` of another shape than ``scores``."""
    if given.shape != scores.shape:
        raise InvalidArgument(
            f"{name} must have the shape of scores, {tuple(scores.shape)}; got {tuple(given.shape)}"
        )


def check_mask(mask: torch.Tensor | None, scores: torch.Tensor) -> None:
    """Refuse a mask of another shape or type, or one that hides an answer."""
    import torch

    if mask is None:
        return
    check_like("mask", mask, scores)
    if mask.dtype != torch.bool:
        raise InvalidArgument(f"mask must hold booleans, True for what counts; got {mask.dtype}")
    if not bool(mask[:, 0].all()):
        row = int((~mask[:, 0]).nonzero()[0])
        raise InvalidArgument(f"mask hides column 0 of row {row}, the answer; it must be True")


def check_temperature(temperature: float) -> None:
    """Refuse what is not above zero."""
    if not 0 < temperature < float("inf"):
        raise InvalidArgument(f"temperature must be above 0 and finite; got {temperature!r}")
