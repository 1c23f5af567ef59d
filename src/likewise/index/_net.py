"""`Net`: the graph itself. Rows of codes, links between them, and entries to begin at.

A row's place in the net is its slot. Rows that have codes but no links yet, because they
wait, are never met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile
from likewise.index._codes import Codes, aligned, aligned_copy, gathered, grown, read_only
from likewise.index._compiled import in_threads
from likewise.index._compiled.values import PRODUCT, SQUARED, Diversity, Entries, Space, Visited
from likewise.index._loops import loops
from likewise.index._protocol import Progress
from likewise.index._sampling import row_hashes
from likewise.index._twins import Twins, all_inside, equal_rows
from likewise.vectors import Float32Array

IdArray = npt.NDArray[np.int64]
PlaceArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

#: Links a row keeps: few where rows are short, so that links never outweigh the codes by much.
SHORT_ROWS, FEW_LINKS, MANY_LINKS = 192, 32, 48
#: The list of candidates while building.
BUILD_EFFORT = 160
#: A neighbour is left out when it is so many times nearer to one already taken.
STRICT, LOOSE, FEWEST_LINKS = 1.02, 1.2, 16
#: The same for products, which have no scale to be times nearer in: a neighbour is left out when
#: its product with one already taken is as large, or 1 / 0.9 times as large.
PRODUCT_FACTORS = 1.0, 0.9
#: A batch of new rows, which do not see each other, is this share of those linked or so many;
#: and no more than came before it in the same call, since these may be unlike all others.
BATCH_SHARE, SMALLEST_BATCH = 0.02, 128
#: Entries are half the square root of the rows, within these bounds.
FEWEST_ENTRIES, MOST_ENTRIES = 16, 1024
#: Pieces of work a thread: enough that none waits long for the others.
PIECES = 4
#: Unreachable rows are looked for when this share of the rows is new.
CHECKED_SHARE = 0.02
#: New rows with one and the same nearest row do not see each other; so many are inserted, and
#: the others come after them, in rounds. After some, crowds grow, lest rows that all look the
#: same take for ever.
CROWD, EVEN_ROUNDS, CROWDS_GROW = 4, 8, 4
#: A new row this many times as far from its nearest row as that from its own is in a new place.
FOREIGN = 4.0
#: So many new rows at a time are looked for among the links of their neighbours.
FORGOTTEN_BLOCK = 256


class Net:
    """A graph over some of the rows that have codes.

    Args:
        codes: the rows; their number is the size of the net.
        degree: links a row keeps; None chooses by the length of the rows.
        build_effort: the list of candidates while building; None is `BUILD_EFFORT`.

    Attributes:
        linked: how many rows walks may meet; the others wait.
        entries: (e,) int32, where walks begin.
        stranded: rows with links that nothing leads to, ascending; found by `check`.
        twins: rows that equal one in the graph; they have no links.
    """

    def __init__(
        self, codes: Codes, degree: int | None = None, build_effort: int | None = None
    ) -> None:
        if degree is None:
            degree = FEW_LINKS if codes.dim < SHORT_ROWS else MANY_LINKS
        self.codes, self.degree = codes, degree
        self.build_effort = BUILD_EFFORT if build_effort is None else build_effort
        self._links: PlaceArray = np.empty((0, degree), dtype=np.int32)
        self.entries: PlaceArray = np.empty(0, dtype=np.int32)
        self.stranded: IdArray = np.empty(0, dtype=np.int64)
        self._joined: BoolArray = np.empty(0, dtype=np.bool_)
        self.twins = Twins.none()
        self.linked = 0
        self._unchecked = 0
        self._sound = False

    @property
    def links(self) -> PlaceArray:
        """(n, degree) neighbours, -1 after the last; do not write to it."""
        if len(self._joined) < self.codes.count:
            self._make_room()
        return self._links[: self.codes.count]

    @property
    def joined(self) -> BoolArray:
        """(n,) which rows walks may meet."""
        if len(self._joined) < self.codes.count:
            self._make_room()
        return self._joined[: self.codes.count]

    @property
    def nbytes(self) -> int:
        """Bytes of codes and links."""
        return self.codes.nbytes + self.links.nbytes

    @property
    def diversity(self) -> Diversity:
        """In the units that the space's keys have."""
        if self.codes.kind == PRODUCT:
            return Diversity(*PRODUCT_FACTORS, min(FEWEST_LINKS, self.degree))
        power = 2 if self.codes.kind == SQUARED else 1
        return Diversity(STRICT**power, LOOSE**power, min(FEWEST_LINKS, self.degree))

    # -- growing -----------------------------------------------------------------------

    def insert(
        self,
        rows: Float32Array,
        order: IdArray,
        jobs: int,
        progress: Progress | None = None,
        total: int = 0,
    ) -> None:
        """Link the rows of ``order``, which have codes, in that order.

        After Ctrl-C, or when ``progress`` raises, those of the batches begun are linked.

        Args:
            rows: (slots, dim) the originals.
            order: slots without links.
            jobs: threads; the net does not depend on them.
            progress: called with (rows linked, ``total``) after each batch.
        """
        reps, others = equal_rows(rows, order, row_hashes(rows, order))
        alone = np.zeros(self.codes.count, dtype=np.bool_)
        alone[others] = True
        order = order[~alone[order]]
        before, done = self.linked, 0
        try:
            while done < len(order):
                size = min(max(SMALLEST_BATCH, int(BATCH_SHARE * self.linked)), done or 1)
                batch = order[done : done + size].astype(np.int32)
                self._insert_batch(rows, batch, jobs)
                done += len(batch)
                if progress is not None:
                    progress(self.linked, total)
        finally:
            self._follow(reps, others)
            if progress is not None and done == len(order):
                progress(self.linked, total)
            self._unchecked += self.linked - before
            due = self._unchecked > CHECKED_SHARE * self.linked or len(self.stranded) > 0
            if due or done < len(order) or self._forgotten(order):
                self.check()

    def _forgotten(self, new: IdArray) -> bool:
        """Whether one of these rows is linked to by none that it links to. Cost O(links^2)."""
        for start in range(0, len(new), FORGOTTEN_BLOCK):
            some = new[start : start + FORGOTTEN_BLOCK]
            some = some[self.links[some, 0] >= 0]
            back = self.links[self.links[some]]
            if not (back == some[:, None, None]).any(axis=(1, 2)).all():
                return True
        return False

    def _follow(self, reps: IdArray, others: IdArray) -> None:
        """Take the twins of rows that are in, or whose own twin is."""
        inside = self.joined[reps]
        reps, others = reps[inside], others[inside]
        leaders = np.arange(self.codes.count, dtype=np.int32)
        leaders[self.twins.slots] = self.twins.reps
        self.twins = self.twins.joined(leaders[reps], others.astype(np.int32))
        self._joined[others] = True
        self.linked += len(others)

    def _make_writable(self) -> None:
        """Links that lie in a file are copied before they change."""
        if not self._links.flags.writeable:
            self.refuse_wild_links()
            self._links = aligned_copy(self._links)
        if not self._joined.flags.writeable:
            self._joined = self._joined.copy()

    def refuse_wild_links(self) -> None:
        """Once, before anything but a walk, which looks itself, follows links out of a file.

        Raises:
            DamagedFile: some lead to no row.
        """
        links = self._links
        if self._sound or links.flags.writeable:
            return
        if links.max(initial=-1) >= len(links) or links.min(initial=-1) < -1:
            raise DamagedFile("the graph has links that lead nowhere; build it again")
        self._sound = True

    def _make_room(self) -> None:
        self.refuse_wild_links()
        held, needed = len(self._joined), self.codes.count
        self._links = grown(self._links, held, needed)
        self._links[held:] = -1
        self._joined = np.concatenate([self._joined, np.zeros(max(0, needed - held), np.bool_)])

    def _insert_batch(self, rows: Float32Array, batch: PlaceArray, jobs: int) -> None:
        """Link the rows of ``batch``; a crowd of them in one place comes in several rounds."""
        rounds = 0
        while len(batch):
            crowd = CROWD * CROWDS_GROW ** max(0, rounds - EVEN_ROUNDS)
            batch = self._insert_round(rows, batch, jobs, crowd)
            rounds += 1

    def _insert_round(
        self, rows: Float32Array, batch: PlaceArray, jobs: int, crowd: int
    ) -> PlaceArray:
        """Link rows that have no more than ``crowd`` others in their place; gives the others."""
        self._make_writable()
        made, space = loops(self.codes.metric), self.codes.space()
        entries, diversity, links = self.gathered_entries(space), self.diversity, self.links
        scratch, originals = Scratch(self.codes.count), read_only(rows)
        twins = np.full(len(batch), -1, dtype=np.int32)

        def choose(piece: IdArray) -> None:
            visited, some = scratch.take(), slice(int(piece[0]), int(piece[-1]) + 1)
            made.link.insert(
                space,
                links,
                entries,
                originals,
                read_only(batch[some]),
                twins[some],
                self.build_effort,
                diversity,
                visited,
            )
            scratch.give(visited)

        if len(self.entries):
            in_threads(jobs, choose, _pieces(len(batch), jobs))
        new = batch[twins < 0]
        too_many = _crowded(links[new, 0], crowd)
        new, later = new[~too_many], new[too_many]
        links[later] = -1
        targets, offsets, sources = _reversed(links, new)

        def tell(piece: IdArray) -> None:
            first, stop = int(piece[0]), int(piece[-1]) + 1
            made.link.join(
                space,
                links,
                read_only(targets[first:stop]),
                read_only(offsets[first : stop + 1]),
                read_only(sources),
                diversity,
            )

        try:
            in_threads(jobs, tell, _pieces(len(targets), jobs))
        finally:
            self.linked += len(new)
            self._joined[new] = True
            self._enter_pioneers(rows, new)
            self._enter(new[~np.isin(new, self.entries)])
            self._follow(twins[twins >= 0].astype(np.int64), batch[twins >= 0].astype(np.int64))
        return later

    def _enter(self, batch: PlaceArray) -> None:
        wanted = self._wanted_entries()
        self.entries = np.concatenate([self.entries, batch[: max(0, wanted - len(self.entries))]])

    def _wanted_entries(self) -> int:
        return int(np.clip(np.sqrt(self.linked) / 2, FEWEST_ENTRIES, MOST_ENTRIES))

    def _enter_pioneers(self, rows: Float32Array, new: PlaceArray) -> None:
        """Begin walks also at rows that are the first in a new place, far from all others.

        Nothing else may lead there: the rows they chose have nearer neighbours to keep.
        """
        nearest = self.links[new, 0]
        firsts = np.unique(nearest, return_index=True)[1]
        new, nearest = new[firsts], nearest[firsts]
        before = self.links[np.maximum(nearest, 0), 0]
        known = (nearest >= 0) & (before >= 0)
        new, nearest, before = new[known], nearest[known], before[known]
        apart, usual = (self.codes.apart(rows, nearest, other) for other in (new, before))
        pioneers = new[apart > FOREIGN**2 * usual]
        room = max(0, 2 * self._wanted_entries() - len(self.entries))
        self.entries = np.concatenate([self.entries, pioneers[:room]])

    def gathered_entries(self, space: Space) -> Entries:
        """The entries with their codes in ``space``."""
        ids = self.entries
        places = np.arange(len(ids), dtype=np.int32)
        return Entries(gathered(space, ids), read_only(ids), read_only(places))

    # -- soundness -----------------------------------------------------------------------

    def unreachable(self) -> IdArray:
        """Rows with links that no path from the entries leads to.

        Cost O(links); without kernels, so that a reader who checks never has to compile them.
        """
        links, found = self.links, np.zeros(self.codes.count, dtype=np.bool_)
        reached = np.unique(self.entries)
        while len(reached):
            found[reached] = True
            following = np.unique(links[reached])
            following = following[(following >= 0) & (following < len(found))]
            reached = following[~found[following]]
        lost: IdArray = np.flatnonzero(self._lost(~found))
        return lost

    def check(self) -> None:
        """Find rows that nothing leads to and link them; those that cannot be are `stranded`."""
        self._unchecked = 0
        parents, queue = self._reached()
        lost = np.flatnonzero(self._lost(parents < 0)).astype(np.int32)
        connected = len(lost)
        while connected and len(lost):  # a row may hang on another lost one
            self._make_writable()
            reach = loops(self.codes.metric).reach
            connected = reach.connect(self.links, read_only(lost), parents, queue)
            lost = lost[parents[lost] < 0]
        self.stranded = lost.astype(np.int64)

    def _lost(self, unmet: BoolArray) -> BoolArray:
        lost = unmet & self.joined
        lost[self.twins.slots] = False  # whoever finds the row finds its twins
        return lost

    def _reached(self) -> tuple[PlaceArray, PlaceArray]:
        self.refuse_wild_links()
        parents = np.full(self.codes.count, -1, dtype=np.int32)
        queue = np.empty(self.codes.count, dtype=np.int32)
        if len(self.entries):
            entries = read_only(self.entries)
            loops(self.codes.metric).reach.reach(read_only(self.links), entries, parents, queue)
        return parents, queue

    # -- shrinking -----------------------------------------------------------------------

    def kept(self, keep: IdArray, jobs: int) -> Net:
        """The net of the rows ``keep`` (ascending) alone, renumbered; this one stays as it is.

        Rows with a link to one that goes choose again, among their other neighbours and the
        neighbours of those that go (A. Singh and others, "FreshDiskANN", 2021).
        Cost O(links), and one choice a row concerned.
        """
        self.refuse_wild_links()
        places = np.full(self.codes.count + 1, -1, dtype=np.int32)  # the last is for -1
        places[keep] = np.arange(len(keep), dtype=np.int32)
        twins, going, heirs = self.twins.kept(places)
        renamed = np.arange(self.codes.count + 1, dtype=np.int32)
        renamed[-1], renamed[going] = -1, heirs
        links = renamed[self.links]
        links[heirs] = links[going]
        both, alive = np.stack([links, links]), places[:-1] >= 0
        broken = (links >= 0) & ~alive[links]
        concerned = np.flatnonzero(broken.any(axis=1) & alive).astype(np.int32)
        space, diversity = self.codes.space(), self.diversity

        def mend(piece: PlaceArray) -> None:
            loops(self.codes.metric).link.mend(
                space, both, read_only(alive), read_only(piece), diversity
            )

        in_threads(jobs, mend, [concerned[piece] for piece in _pieces(len(concerned), jobs)])
        new = Net(self.codes.kept(keep), self.degree, self.build_effort)
        new._links = aligned((len(keep), self.degree), np.int32)
        new._links[:] = places[both[1][keep]]
        new._joined, new.twins = self.joined[keep], twins
        new.linked = int(np.count_nonzero(new._joined))
        entries = places[renamed[self.entries]]
        new.entries = entries[entries >= 0]
        new._enter(_spread(new, MOST_ENTRIES))
        new.check()
        return new

    # -- files ---------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        return {
            **self.codes.to_arrays(),
            "links": self.links,
            "joined": self.joined,
            "entries": self.entries,
            "stranded": self.stranded,
            **self.twins.to_arrays(),
        }

    def to_dict(self) -> dict[str, Any]:
        """The rest of it, as plain values."""
        return {
            "codes": self.codes.to_dict(),
            "degree": self.degree,
            "build_effort": self.build_effort,
            "linked": self.linked,
            "unchecked": self._unchecked,
        }

    @classmethod
    def from_arrays(
        cls, codes: Codes, arrays: Mapping[str, npt.NDArray[Any]], values: dict[str, Any]
    ) -> Net:
        """The inverse; arrays are used where they lie until something changes."""
        new = cls(codes, values["degree"], values["build_effort"])
        new._links, new.entries = arrays["links"], arrays["entries"]
        new._joined, new.stranded = arrays["joined"], arrays["stranded"]
        new.twins = Twins.from_arrays(arrays, codes.count)
        parts = (new.entries, new.stranded)
        if (
            new._links.shape != (codes.count, new.degree)
            or len(new._joined) != codes.count
            or not all(all_inside(part, codes.count) for part in parts)
        ):
            raise DamagedFile("the arrays of the graph do not belong together; build it again")
        new.linked, new._unchecked = values["linked"], values["unchecked"]
        known = int(np.count_nonzero(new._joined))
        if known != new.linked or len(np.unique(new.entries)) != len(new.entries):
            raise DamagedFile("the graph is not what was saved; build it again")
        return new


class Scratch:
    """`Visited` for as many threads as ask at once; taken and given back.

    Lists give and take single elements atomically, so no lock is needed.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._free: list[Visited] = []

    def take(self) -> Visited:
        """One that nobody else has."""
        try:
            return self._free.pop()
        except IndexError:
            marks = np.zeros(self._rows, dtype=np.uint8)
            return Visited(marks, np.zeros(1, dtype=np.int64))

    def give(self, visited: Visited) -> None:
        """Back for the next."""
        self._free.append(visited)


def _pieces(count: int, jobs: int) -> list[IdArray]:
    """0, 1, ... up to ``count``, cut into pieces of work."""
    return [piece for piece in np.array_split(np.arange(count), PIECES * jobs) if len(piece)]


def _crowded(nearest: PlaceArray, crowd: int) -> BoolArray:
    """(b,) which rows have ``crowd`` others before them with the same nearest row."""
    order = np.argsort(nearest, kind="stable")
    ranked = nearest[order]
    starts = np.searchsorted(ranked, ranked)
    beyond = np.empty(len(nearest), dtype=np.bool_)
    beyond[order] = np.arange(len(nearest)) - starts >= crowd
    return beyond


def _reversed(links: PlaceArray, batch: PlaceArray) -> tuple[PlaceArray, IdArray, PlaceArray]:
    """For every row that the batch has links to: the rows of the batch that link there."""
    targets = links[batch].ravel()
    sources = np.repeat(batch, links.shape[1])[targets >= 0]
    targets = targets[targets >= 0]
    order = np.argsort(targets, kind="stable")
    targets, sources = targets[order], sources[order]
    each, first = np.unique(targets, return_index=True)
    return each, np.append(first, len(targets)).astype(np.int64), sources


def _spread(net: Net, count: int) -> PlaceArray:
    """Some linked rows that are not entries yet, evenly over the slots."""
    fresh = np.setdiff1d(np.flatnonzero(net.joined), net.entries)
    fresh = np.setdiff1d(fresh, net.twins.slots)
    step = max(1, len(fresh) // max(1, count))
    return fresh[::step].astype(np.int32)
