"""Checks of a finite network's layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.parameters import check_positive


def check_network(widths: Any, weight_variance: Any, bias_variance: Any) -> list[int]:
    """Refuse impossible layers; the widths as a list."""
    if isinstance(widths, (str, bytes)) or not isinstance(widths, (Sequence, np.ndarray)):
        raise InvalidType(f"widths must be a sequence of integers; got {widths!r:.60}")
    if not len(widths):
        raise InvalidArgument("widths: at least one hidden layer is needed; got none")
    if weight_variance is not None:
        check_positive("weight_variance", weight_variance)
    if check_number("bias_variance", bias_variance) < 0:
        raise InvalidArgument(f"bias_variance must be at least 0; got {bias_variance!r}")
    return [check_count(f"widths[{at}]", width) for at, width in enumerate(widths)]
