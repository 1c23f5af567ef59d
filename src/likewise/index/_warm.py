"""`warm`: every kernel of every index, compiled ahead."""

from __future__ import annotations

from likewise.index import _compiled, _postings
from likewise.index._compiled import WarmReport
from likewise.index._compiled.library import Progress


def warm(progress: Progress | None = None) -> WarmReport:
    """Compile the kernels for this machine, unless it was done, and load them.

    Args:
        progress: called with (steps done, steps in all) for each set of kernels; what it raises
            interrupts. What was compiled until then is kept.

    Returns:
        where those of dense rows are kept, what was compiled of all, and what stands in the way
        of keeping it.

    Cost: about a minute, once a machine (and again when Likewise, numba or the processor
    changes); then some 0.1 s. `likewise warm` is the same on the command line.

    Example:
        >>> warm().compiled >= 0
        True
        >>> warm().compiled  # now they are there
        0
    """
    dense, postings = _compiled.warm(progress), _postings.warm(progress)
    return WarmReport(
        dense.folder,
        dense.instructions,
        dense.compiled + postings.compiled,
        round(dense.seconds + postings.seconds, 3),
        dense.problem or postings.problem,
    )
