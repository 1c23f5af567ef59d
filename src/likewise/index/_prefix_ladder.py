"""`Ladder`: prefixes of several lengths of the same rows, each with codes of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise.index._prefix_graph import PrefixGraph
from likewise.index._prefix_lists import PrefixLists
from likewise.index._proposer import Arrays, BoolArray, IdArray, Proposer
from likewise.index._rows import Float32Array
from likewise.index.rotation import Rotation

Rung = PrefixLists | PrefixGraph


class Ladder(Proposer):
    """Rows turned once and cut at several lengths; a probe is a length and a probe of its codes.

    Args:
        rotation: how rows are turned first; None leaves them.
        dim: numbers of a row that are turned; the lift that a `Placement` adds for dot stays out.
        rungs: by how many numbers they compare, ascending.
        width: the most numbers that any of them takes.
    """

    losses: ClassVar[tuple[float, ...]] = PrefixLists.losses

    def __init__(
        self, rotation: Rotation | None, dim: int, rungs: Mapping[int, Rung], width: int
    ) -> None:
        self.rotation, self.rungs = rotation, dict(rungs)
        self._dim, self._width = dim, width

    def steps(self) -> list[tuple[int, int]]:
        """Every (length, probe), the last that which finds most."""
        return [(dims, probe) for dims, rung in self.rungs.items() for probe in rung.probes()]

    def insert(self, placed: Float32Array, ids: IdArray, jobs: int) -> None:
        turned = self.turned(placed, each=False)
        for rung in self.rungs.values():
            rung.insert(turned, ids, jobs)

    def propose(
        self, placed: Float32Array, probe: int, count: int, allowed: BoolArray | None
    ) -> IdArray:
        dims, inner = self.steps()[probe]
        return self.rungs[dims].propose(self.turned(placed, each=True), inner, count, allowed)

    def turned(self, placed: Float32Array, *, each: bool) -> Float32Array:
        """(m, width) the first numbers of turned rows; ``each``: none depends on the others."""
        rows = placed[:, : self._dim]
        if self.rotation is None:
            return rows[:, : self._width]
        if each:
            return self.rotation.apply_each(rows, self._width)
        return self.rotation.apply(rows, dims=self._width)

    def probes(self) -> tuple[int, ...]:
        return tuple(range(len(self.steps())))

    def compared(self, probe: int) -> int:
        dims, inner = self.steps()[probe]
        return self.rungs[dims].compared(inner)

    def read(self, probe: int) -> float:
        dims, inner = self.steps()[probe]
        turning = 0 if self.rotation is None else self._width * self._dim
        return turning + self.rungs[dims].read(inner)

    def compact(self, keep: IdArray) -> None:
        for rung in self.rungs.values():
            rung.compact(keep)

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        arrays: Arrays = {}
        plain: dict[str, Any] = {"dim": self._dim, "width": self._width, "rungs": []}
        if self.rotation is not None:
            arrays |= {f"rotation/{n}": a for n, a in self.rotation.to_arrays().items()}
        for dims, rung in self.rungs.items():
            own, state = rung.state()
            arrays |= {f"{dims}/{name}": array for name, array in own.items()}
            plain["rungs"].append([dims, state])
        return arrays, plain

    @classmethod
    def restored(
        cls, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any], jobs: int
    ) -> Ladder:
        """From `state`."""
        rotation = None
        if turned := below(arrays, "rotation/"):
            rotation = Rotation.from_arrays(turned)
        rungs: dict[int, Rung] = {}
        for dims, plain in state["rungs"]:
            own = below(arrays, f"{dims}/")
            if plain["kind"] == "graph":
                rungs[dims] = PrefixGraph.restored(own, plain, jobs)
            else:
                rungs[dims] = PrefixLists.restored(own, plain)
        return cls(rotation, state["dim"], rungs, state["width"])


def below(
    arrays: Mapping[str, npt.NDArray[Any]], prefix: str
) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays whose names begin with ``prefix``, without it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
