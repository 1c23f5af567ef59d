"""`LabelMemory`: the labels of rows that come and go, by the positions of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.learn._checks import IntArray
from likewise.learn._kinds import check_classes

#: The code of a row that is gone.
GONE = -1


class LabelMemory:
    """Which class each row has; classes may come with any batch, and go with their last row.

    Attributes:
        classes: ascending. codes: (positions,) the place of each row's label among them.
        declared: classes that stay, whether rows have them or not.

    Cost: `add` and `remove` O(positions), and a sort of the classes.

    Example:
        >>> memory = LabelMemory()
        >>> memory.add(np.array(["b", "c"]), np.array([1, 0, 0]))
        >>> memory.add(np.array(["a"]), np.array([0]))
        >>> memory.classes.tolist(), memory.codes.tolist()
        (['a', 'b', 'c'], [2, 1, 1, 0])
        >>> memory.remove(np.array([0, 3]))
        >>> memory.classes.tolist(), memory.codes.tolist()
        (['b'], [-1, 0, 0, -1])
    """

    def __init__(self) -> None:
        self.declared: Any = np.empty(0)
        self.classes: Any = np.empty(0)
        self.codes: IntArray = np.empty(0, dtype=np.int64)

    def check(self, classes: Any) -> None:
        """Refuse classes that do not go with those that are known."""
        check_classes(self.classes, classes)

    def add(self, classes: Any, places: IntArray) -> None:
        """Append rows: the classes of the batch, ascending, and the place of each row's label."""
        self.check(classes)
        self._join(classes)
        new = np.searchsorted(self.classes, classes)[places]
        self.codes = np.concatenate([self.codes, new.astype(np.int64)])

    def declare(self, classes: Any) -> None:
        """Let the classes be there, whether rows have them or not."""
        self.check(classes)
        self.declared = np.union1d(self.declared, classes) if len(self.declared) else classes
        self._join(classes)

    def _join(self, classes: Any) -> None:
        merged = np.union1d(self.classes, classes) if len(self.classes) else np.asarray(classes)
        self._rename(merged)

    def remove(self, ids: IntArray) -> None:
        """Forget the rows at these positions, and classes that no row has any more."""
        self.codes[ids] = GONE
        held = np.bincount(self.codes[self.codes >= 0], minlength=len(self.classes)) > 0
        if len(self.declared):
            held |= np.isin(self.classes, self.declared)
        if not held.all():
            self._rename(self.classes[held])

    def _rename(self, classes: Any) -> None:
        """Write the codes anew, for these classes; rows of others are gone already."""
        if len(classes) == len(self.classes) and np.array_equal(classes, self.classes):
            return
        if len(self.classes) and len(classes):
            places = np.searchsorted(classes, self.classes)
            self.codes = np.where(self.codes >= 0, places[self.codes], GONE)
        self.classes = classes
