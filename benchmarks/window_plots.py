"""Pictures of windows; ``python -m benchmarks.window_plots FILE.json FOLDER`` draws them anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.curves import Point, curve, of
from benchmarks.peers.windows import ENGINES, FAMILY, OURS
from benchmarks.plots import (
    COLOURS,
    MOST,
    OUR_COLOUR,
    SHAPES,
    STYLE,
    End,
    label_lines,
    place,
    rate_axis,
    recall_axis,
    save,
    visible,
)
from benchmarks.window_sweep import Timed, at, regret
from benchmarks.windows import width

#: A dotted line.
REGRET = 1.3
#: Widths (2^-exponent) whose curves of recall against speed are measured whole and drawn.
WHOLE = (0, 3, 6, 9)
FEW_TICKS = (0.8, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class WindowPicture:
    """What the pictures of a set show: rows in a window by exponent, and all that was timed."""

    name: str
    title: str
    sizes: Mapping[int, int]
    timed: Sequence[Timed]


def draw(picture: WindowPicture, folder: Path) -> list[Path]:
    """Draw ``windows-NAME`` (by width) and ``window-curves-NAME`` (by recall); returns files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        figure, (axes, below) = pyplot.subplots(
            2, 1, figsize=(8, 6.2), layout="constrained", sharex=True, height_ratios=(4, 1)
        )
        label_lines(axes, _widths(axes, picture))
        _regrets(below, picture)
        figure.suptitle(f"{picture.title}: recall@10 at least 0.95")
        paths = save(figure, folder, f"windows-{picture.name}")
        pyplot.close(figure)
        widths = [exponent for exponent in WHOLE if exponent in picture.sizes]
        figure, grid = pyplot.subplots(2, 2, figsize=(13, 8.4), layout="constrained")
        for axes, exponent in zip(grid.flat, widths, strict=False):
            label_lines(axes, _curves(axes, picture, exponent))
            axes.set_title(f"width {width(exponent)}, {picture.sizes[exponent]:,} rows")
        for axes in grid.flat[len(widths) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("queries a second, one thread")
        figure.suptitle(picture.title)
        paths += save(figure, folder, f"window-curves-{picture.name}")
        pyplot.close(figure)
    return paths


def _widths(axes: Any, picture: WindowPicture) -> dict[str, End]:
    """Queries a second by width, a line an engine; returns where each ends, and its colour."""
    ends: dict[str, End] = {}
    for name in _drawn(picture.timed):
        found = [(e, one.rate) for e in picture.sizes if (one := at(picture.timed, name, e))]
        if found:
            exponents, rates = zip(*found, strict=True)
            axes.plot(exponents, rates, **_style(name))
            ends[name] = (rates[-1], _style(name)["color"])
    rate_axis(axes, (1,))
    axes.set_ylabel("queries a second, one thread")
    return ends


def _regrets(axes: Any, picture: WindowPicture) -> None:
    """How many times the time of our best method, in hindsight, the chosen one took."""
    found = {e: value for e in picture.sizes if (value := regret(picture.timed, e))}
    axes.plot(list(found), list(found.values()), **_style(OURS))
    axes.axhline(REGRET, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("regret")
    ticks = [e for e in picture.sizes if e % 2 == 0]
    axes.set_xticks(ticks, [f"{width(e)}\n{_short(picture.sizes[e])}" for e in ticks])
    axes.set_xlabel("width of the window, share of the rows and rows")


def _curves(axes: Any, picture: WindowPicture, exponent: int) -> dict[str, End]:
    """Recall against speed in windows of one width."""
    points = [
        Point(one.engine, one.effort, one.recall, one.rate, 0.0)
        for one in picture.timed
        if one.exponent == exponent
    ]
    ends: dict[str, End] = {}
    for name in _drawn(picture.timed):
        line = visible(curve(of(points, name), "batch"))
        if line:
            x = place(np.array([min(recall, MOST) for recall, _ in line]))
            y = [speed for _, speed in line]
            axes.plot(x, y, clip_on=False, **_style(name))
            ends[name] = (y[-1], _style(name)["color"])
    recall_axis(axes, FEW_TICKS)
    rate_axis(axes, (1, 2, 5) if _decades(ends) < 2 else (1,))
    return ends


def _decades(ends: Mapping[str, End]) -> float:
    heights = [height for height, _ in ends.values()] or [1.0]
    return float(np.log10(max(heights) / min(heights)))


def _drawn(timed: Sequence[Timed]) -> list[str]:
    """Who is in the pictures: our methods one by one are for the tables."""
    met = {one.engine for one in timed}
    return [n for n in ENGINES if n in met and (n == OURS or ENGINES[n].family != FAMILY)]


def _style(name: str) -> dict[str, Any]:
    """Ours stands out; the methods of one family share a colour and differ in shape."""
    if name == OURS:
        return {"color": OUR_COLOUR, "marker": "o", "linewidth": 2.4, "markersize": 4, "zorder": 3}
    peers = [other for other in ENGINES if ENGINES[other].family != FAMILY]
    kinds = list(dict.fromkeys(ENGINES[other].family or other for other in peers))
    kind = ENGINES[name].family or name
    siblings = [other for other in peers if (ENGINES[other].family or other) == kind]
    colour = COLOURS[kinds.index(kind) % len(COLOURS)]
    shape = SHAPES[(kinds.index(kind) + siblings.index(name)) % len(SHAPES)]
    return {"color": colour, "marker": shape, "linewidth": 1.2, "markersize": 4, "zorder": 2}


def _short(rows: int) -> str:
    return f"{rows / 1000:,.0f}k" if rows >= 10_000 else f"{rows:,}"


def write_pictures(pictures: Sequence[WindowPicture], path: Path) -> None:
    """What is behind the pictures, for whoever wants to check or draw them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sets = [json.dumps(asdict(_rounded(picture)), ensure_ascii=False) for picture in pictures]
    path.write_text("[\n" + ",\n".join(sets) + "\n]\n", encoding="utf-8")


def read_pictures(path: Path) -> list[WindowPicture]:
    """The inverse of `write_pictures`."""
    return [
        WindowPicture(
            one["name"],
            one["title"],
            {int(exponent): size for exponent, size in one["sizes"].items()},
            [Timed(**timed) for timed in one["timed"]],
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def _rounded(picture: WindowPicture) -> WindowPicture:
    timed = [replace(t, recall=round(t.recall, 5), rate=round(t.rate, 2)) for t in picture.timed]
    return replace(picture, timed=timed)


if __name__ == "__main__":
    for one in read_pictures(Path(sys.argv[1])):
        print(*draw(one, Path(sys.argv[2])))
