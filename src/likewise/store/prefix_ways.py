"""Ways to search a vector field by prefixes: what ``dims=`` says, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from likewise._arguments import check_count
from likewise.errors import InvalidArgument
from likewise.index import CostModel, Measured, Prefix


@dataclass(frozen=True, slots=True)
class PrefixWay:
    """The arguments of a `likewise.index.Prefix`; see there.

    Attributes:
        dims: how many of the first numbers propose.
        rotation, stage, coarse_dims, codes, code_bytes: as there.
    """

    dims: int
    rotation: str | None = "pca"
    stage: str = "scan"
    coarse_dims: int | None = None
    codes: str = "flat"
    code_bytes: int | None = None

    @property
    def name(self) -> str:
        """All of it in a word that can end the name of a file."""
        parts = [f"prefix{self.dims}"]
        if self.rotation is None:
            parts.append("unturned")
        if self.stage != "scan":
            parts.append(f"{self.stage}{self.coarse_dims or ''}")
        if self.codes != "flat":
            parts.append(f"{self.codes}{self.code_bytes or ''}")
        return "-".join(parts)

    def index(self, metric: str, random_state: int = 0) -> Prefix:
        """Not yet fitted. No clock is read, so that the same rows give the same bytes.

        Raises:
            InvalidArgument, InvalidType, UnknownMetric: `Prefix` does not take it.
        """
        # Only `Prefix.search` without dims= goes by costs.
        return Prefix(metric, random_state=random_state, costs=CostModel(), **asdict(self))


@dataclass(frozen=True, slots=True)
class Shortened:
    """How one field is searched by ``dims=``.

    Attributes:
        way: by which prefixes.
        rerank, effort: as `Prefix.search` takes them; None is what it takes by itself.
    """

    way: PrefixWay
    rerank: int | None = None
    effort: int | None = None

    def options(self, k: int) -> dict[str, Any]:
        """For `Prefix.search`; no fewer are ranked than are asked for."""
        found: dict[str, Any] = {"dims": self.way.dims, "effort": self.effort}
        if self.rerank is not None:
            found["rerank"] = max(self.rerank, k)
        return found


def read_dims(
    dims: Any, fields: Iterable[tuple[str, Any]], collection: str
) -> dict[str, Shortened]:
    """How to search each of ``fields`` by ``dims``.

    Args:
        dims: a number, or a `Measured` way of a sweep.
        fields: names and `VectorField` s.
        collection: its name, for messages.

    Raises:
        InvalidType, InvalidArgument: ``dims`` is neither, or no prefix of such vectors.
    """
    measured = isinstance(dims, Measured)
    count = None if measured else check_count("dims", dims)
    found = {}
    for name, spec in fields:
        where = f"collection {collection!r}, field {name!r}"
        if spec.metric not in Prefix.metrics:
            raise InvalidArgument(
                f"{where} has the metric {spec.metric!r}; dims= searches by prefixes, which need "
                f"one of {', '.join(Prefix.metrics)}; leave dims out"
            )
        if measured:
            short = _of_sweep(dims)
        else:
            short = Shortened(PrefixWay(count or 1, None if spec.nested else "pca"))
        if short.way.dims > spec.dim:
            raise InvalidArgument(
                f"{where}: dims={short.way.dims} is beyond the vectors, which have {spec.dim} "
                f"numbers; give at most {spec.dim}"
            )
        short.way.index(spec.metric).plan(0, spec.dim)  # refuses what does not fit together
        found[name] = short
    return found


def _of_sweep(measured: Measured) -> Shortened:
    options, search = dict(measured.options), dict(measured.search)
    options["dims"] = search.pop("dims", options.get("dims"))
    for what, given, taken in (
        ("options", options, PrefixWay.__dataclass_fields__),
        ("search", search, ("rerank", "effort")),
    ):
        strange = sorted(set(given) - set(taken))
        if strange:
            raise InvalidArgument(
                f"dims= is a measured way whose {what} have {strange[0]!r}, which a collection "
                f"decides by itself; it takes {', '.join(taken)}: sweep without the others"
            )
    numbers = {"dims": options["dims"]} | {n: v for n, v in search.items() if v is not None}
    checked = {name: check_count(name, value) for name, value in numbers.items()}
    way = PrefixWay(**{**options, "dims": checked.pop("dims")})
    if "effort" in checked and way.stage == "scan":
        raise InvalidArgument("effort is for the stages 'cells' and 'graph'; a scan has none")
    return Shortened(way, **checked)
