"""Pictures of recall against speed; ``python -m benchmarks.plots FILE.json FOLDER`` draws anew."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.curves import Point, curve, engines, of
from benchmarks.peers.engines import ENGINES, OURS

#: The range of recall that is shown; what finds all of it stands at the right edge.
LEAST, MOST = 0.80, 0.9995
TICKS = (0.80, 0.90, 0.95, 0.98, 0.99, 0.995, 0.999)
PANELS = {"batch": "batches of queries", "single": "one query a call"}
OUR_COLOUR = "#b2182b"
#: Told apart by colour-blind readers too (Okabe and Ito), and by shape.
COLOURS = ("#000000", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
SHAPES = "osD^vP*"
#: Text stays text, and the same points give the same bytes.
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "likewise",
    "font.size": 9,
    "font.sans-serif": ["DejaVu Sans", "Arial"],
}
#: The least distance between two labels, as a share of the height.
APART = 0.055
#: The height at which a line ends, and its colour.
End = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows: the points of one set under a title."""

    name: str
    title: str
    points: Sequence[Point]


def can_draw() -> bool:
    """Whether matplotlib is here."""
    return find_spec("matplotlib") is not None


def draw(picture: Picture, folder: Path) -> list[Path]:
    """Draw as ``NAME.svg`` and ``NAME.png`` in ``folder``; returns the two files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
        ends = []
        for axes, (rate, words) in zip(panels, PANELS.items(), strict=True):
            ends.append(_panel(axes, picture.points, rate))
            axes.set_title(words)
        for axes, lines in zip(panels, ends, strict=True):  # now that both have their height
            label_lines(axes, lines)
        panels[0].set_ylabel("queries a second, one thread")
        figure.suptitle(picture.title)
        paths = save(figure, folder, picture.name)
        pyplot.close(figure)
    return paths


def save(figure: Any, folder: Path, name: str) -> list[Path]:
    """As ``NAME.svg`` and ``NAME.png`` in ``folder``; returns the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{kind}" for kind in ("svg", "png")]
    figure.savefig(paths[0], metadata={"Date": None})
    _save_small(figure, paths[1])
    return paths


def _save_small(figure: Any, path: Path) -> None:
    """As PNG of few colours: a third of the size, and nobody sees it."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110, format="png")
    Image.open(drawn).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(
        path, optimize=True
    )


def _panel(axes: Any, points: Sequence[Point], rate: str) -> dict[str, End]:
    """Draw the lines; returns where each ends, and its colour."""
    ends: dict[str, End] = {}
    peers = [name for name in ENGINES if name != OURS]
    for name in engines(points):
        line = visible(curve(of(points, name), rate))
        if not line:
            continue
        x, y = place(np.array([recall for recall, _ in line])), [speed for _, speed in line]
        rank = peers.index(name) % len(COLOURS) if name in peers else 0
        colour = OUR_COLOUR if name == OURS else COLOURS[rank]
        axes.plot(
            x,
            y,
            color=colour,
            marker="o" if name == OURS else SHAPES[rank],
            linewidth=2.4 if name == OURS else 1.2,
            markersize=4,
            zorder=3 if name == OURS else 2,
        )
        ends[name] = (y[-1], colour)
    recall_axis(axes)
    rate_axis(axes)
    return ends


def recall_axis(axes: Any, ticks: Sequence[float] = TICKS) -> None:
    """Recall along the panel."""
    axes.set_xlim(*place(np.array([LEAST, MOST])))
    axes.set_xticks(place(np.array(ticks)), [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("recall@10")


def rate_axis(axes: Any, steps: tuple[int, ...] = (1, 2, 5)) -> None:
    """Queries a second up the panel, labelled at these multiples of powers of ten."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(True, linewidth=0.4, color="#cccccc")
    axes.spines[["top", "right"]].set_visible(False)


def visible(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What of a line is in the picture."""
    return [(min(recall, MOST), speed) for recall, speed in line if recall >= LEAST]


def place(recall: Any) -> Any:
    """Each halving of what is missed takes the same room."""
    return -np.log10(1 - recall)


def label_lines(axes: Any, ends: dict[str, End]) -> None:
    """Names right of the panel, at the height of their lines' ends but never on each other."""
    low, high = np.log(axes.get_ylim())
    order = sorted(ends, key=lambda name: ends[name][0])
    wanted = np.array([(np.log(ends[name][0]) - low) / (high - low) for name in order])
    for name, height in zip(order, spread_out(wanted), strict=True):
        axes.annotate(
            name,
            (1.01, height),
            xycoords="axes fraction",
            va="center",
            color=ends[name][1],
            fontweight="bold" if name == OURS else "normal",
            annotation_clip=False,
        )


def spread_out(heights: Any, apart: float = APART) -> Any:
    """Rising ``heights`` moved as little as need be, so that each is ``apart`` from the next."""
    steps = apart * np.arange(len(heights))
    # Least squares under an order: pool the neighbours that are out of it.
    pools: list[list[float]] = []
    for value in np.asarray(heights, dtype=float) - steps:
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return np.concatenate([np.full(len(p), np.mean(p)) for p in pools] or [steps]) + steps


def write_points(pictures: Sequence[Picture], path: Path) -> None:
    """The points behind the pictures, for whoever wants to check or draw them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sets = [json.dumps(asdict(_rounded(picture)), ensure_ascii=False) for picture in pictures]
    path.write_text("[\n" + ",\n".join(sets) + "\n]\n", encoding="utf-8")


def read_points(path: Path) -> list[Picture]:
    """The inverse of `write_points`."""
    sets = json.loads(path.read_text(encoding="utf-8"))
    return [
        Picture(one["name"], one["title"], [Point(**point) for point in one["points"]])
        for one in sets
    ]


def _rounded(picture: Picture) -> Picture:
    points = [
        Point(p.engine, p.effort, round(p.recall, 5), round(p.batch, 1), round(p.single, 1))
        for p in picture.points
    ]
    return Picture(picture.name, picture.title, points)


if __name__ == "__main__":
    for shown in read_points(Path(sys.argv[1])):
        print(*draw(shown, Path(sys.argv[2])))
