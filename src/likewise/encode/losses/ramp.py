"""The schedule of a regulariser's weight: none at first, then ever more, up to a level."""

from __future__ import annotations

from likewise._arguments import check_count


def quadratic_ramp(step: int, steps: int) -> float:
    """min(1, step / steps)^2: the part of a regulariser's weight that counts at ``step``.

    A model that is pressed for sparsity before it ranks well ends with no terms at all.

    Args:
        step: from 0.
        steps: the step from which the whole weight counts; 0 is from the start.

    Returns:
        A number in [0, 1].

    Raises:
        InvalidType, InvalidArgument: not integers of at least 0.

    Source: Paria and others, ICLR 2020; Formal, Piwowarski and Clinchant, SIGIR 2021.

    Example:
        >>> [quadratic_ramp(step, 4) for step in (0, 1, 2, 4, 9)]
        [0.0, 0.0625, 0.25, 1.0, 1.0]
    """
    step = check_count("step", step, minimum=0)
    steps = check_count("steps", steps, minimum=0)
    return 1.0 if step >= steps else (step / steps) ** 2
