"""`CHECKS`: every check of an audit by its name; a check joins by one line."""

from __future__ import annotations

from collections.abc import Callable

from likewise.learn.health import _on_labels, _on_rows
from likewise.learn.health.shared import Checked, Shared

#: In the order of the report. Each takes the shared arrays, and raises `NotApplicable` where it
#: has nothing to say.
CHECKS: dict[str, Callable[[Shared], Checked]] = {
    "unusable": _on_rows.unusable,
    "missing_label": _on_labels.missing_label,
    "wrong_label": _on_labels.wrong_label,
    "wrong_target": _on_labels.wrong_target,
    "near_duplicate": _on_rows.near_duplicate,
    "leakage": _on_rows.leakage,
    "overlap": _on_labels.overlap,
    "ambiguous": _on_labels.ambiguous,
    "rare": _on_rows.rare,
    "harmful": _on_labels.harmful,
}
