"""Losses that train encoders: rankings of documents, and how many terms their rows may have.

`LOSSES` judge scores: rows are queries, column 0 is the document that answers, the others are
documents that do not. `REGULARISERS` judge rows of term weights. Both are plain dicts; a new
one is a small file and one line here. They take torch tensors and give a scalar that can be
differentiated; nothing here imports torch before a loss is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from likewise.encode.losses.contrastive import contrastive
from likewise.encode.losses.flops import flops
from likewise.encode.losses.kl import kl
from likewise.encode.losses.l1 import l1
from likewise.encode.losses.margin_mse import margin_mse
from likewise.encode.losses.ramp import quadratic_ramp

if TYPE_CHECKING:
    import torch

#: By name. `contrastive` needs which document answers; the others a teacher's scores.
LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "contrastive": contrastive,
    "margin_mse": margin_mse,
    "kl": kl,
}

#: Those of `LOSSES` that take ``teacher``.
DISTILLATION = ("margin_mse", "kl")

REGULARISERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"flops": flops, "l1": l1}

__all__ = [
    "DISTILLATION",
    "LOSSES",
    "REGULARISERS",
    "contrastive",
    "flops",
    "kl",
    "l1",
    "margin_mse",
    "quadratic_ramp",
]
