"""What a collection is: its vector fields and its few switches, kept in the database as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from likewise import metrics
from likewise._arguments import check_count, check_recall, suggest_fields
from likewise.encode import Encoder, get_encoder
from likewise.errors import InvalidArgument, InvalidType
from likewise.store.fields import Field, field_of
from likewise.store.prefix_ways import PrefixWay

#: The name of the field that the short form of ``create`` makes.
DEFAULT_FIELD = "dense"

#: What ``using=`` calls the words of the texts.
LEXICAL = "lexical"

DEFAULT_LANGUAGE = "english"

#: Names that mean something else where field names are used.
RESERVED_FIELDS = frozenset({LEXICAL, "id", "text", "vector", "vectors"})


@suggest_fields
@dataclass(frozen=True, slots=True)
class VectorField:
    """One named vector of every row.

    Args:
        dim: numbers a vector has; taken from the encoder when left out.
        metric: a name of `likewise.metrics` ("cosine" when neither is given).
        encoder: what turns a row's text into this vector: a registered name, an `Encoder`,
            or None when every row brings the vector itself.
        fingerprint: of the encoder that filled the field; set by the collection.
        nested: whether the first numbers of a vector are made to tell the most, as by Matryoshka
            training; taken from the encoder when left out, else False. Searches by ``dims=`` turn
            vectors that are not nested by PCA first.

    Example:
        >>> VectorField(dim=3, metric="l2").metric
        'euclidean'
    """

    dim: int | None = None
    metric: str | None = None
    encoder: str | Encoder | None = None
    fingerprint: str | None = None
    nested: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.nested, bool | None):
            raise InvalidType(f"nested must be True, False or None; got {self.nested!r}")
        if self.dim is not None:
            object.__setattr__(self, "dim", check_count("dim", self.dim))
        if self.metric is not None:
            object.__setattr__(self, "metric", metrics.resolve(self.metric).name)

    def settled(self, name: str) -> VectorField:
        """With every part filled in: dim, metric and fingerprint from the encoder.

        Raises:
            InvalidArgument: neither dim nor encoder, or a dim that is not the encoder's.

        Example:
            >>> VectorField(encoder="hashing").settled("words").dim
            256
        """
        if self.encoder is None:
            if self.dim is None:
                raise InvalidArgument(
                    f"vector field {name!r} needs dim= (numbers a vector) or encoder= "
                    "(such as 'minilm')"
                )
            return VectorField(self.dim, self.metric or "cosine", nested=bool(self.nested))
        encoder = get_encoder(self.encoder)
        if self.dim is not None and self.dim != encoder.dim:
            raise InvalidArgument(
                f"vector field {name!r}: dim={self.dim}, but encoder {encoder.name} makes "
                f"{encoder.dim} numbers; leave dim out"
            )
        return VectorField(
            encoder.dim,
            self.metric or encoder.metric,
            encoder.name,
            encoder.fingerprint,
            encoder.nested if self.nested is None else self.nested,
        )

    def get_encoder(self, encoder: Any) -> Encoder:
        """The encoder, given itself or by its name; raises where there is none.

        Example:
            >>> VectorField(dim=2).get_encoder("hashing").dim
            256
        """
        return get_encoder(encoder)

    @property
    def encoder_name(self) -> str | None:
        """The encoder's registered name."""
        return self.encoder.name if isinstance(self.encoder, Encoder) else self.encoder


#: A field of any kind.
AnyField = VectorField | Field


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is fixed about a collection.

    Attributes:
        fields: fields by name, in order; the first is the default.
        indexed: metadata paths that are kept as mapped columns.
        windows: of these, those that searches by range are made fast for, in the order in which
            they were asked for; each with its vector fields.
        recall: the default target of a search.
        log_queries: whether recent query vectors are kept to measure recall with.
        random_state: seeds every graph.
        language: of the texts, for lexical search; None cuts no word to its stem.
        kept: the kinds of things derived of rows that are kept in the cache (`store.kinds`).
        prefixes: vector fields to the prefixes of them that are kept in the cache.
    """

    fields: dict[str, AnyField]
    indexed: tuple[str, ...] = ()
    windows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    recall: float = 0.95
    log_queries: bool = False
    random_state: int = 0
    language: str | None = DEFAULT_LANGUAGE
    kept: tuple[str, ...] = ()
    prefixes: dict[str, tuple[PrefixWay, ...]] = field(default_factory=dict)

    @property
    def dense(self) -> dict[str, VectorField]:
        """The fields whose values are dense vectors."""
        return {name: spec for name, spec in self.fields.items() if isinstance(spec, VectorField)}

    @property
    def others(self) -> dict[str, Field]:
        """The fields of other values: terms, bags, Gaussians."""
        return {name: spec for name, spec in self.fields.items() if isinstance(spec, Field)}

    def position(self, name: str) -> int:
        """The place of a field among all, by which its table is called."""
        return list(self.fields).index(name)

    def windows_of(self, vector_field: str) -> list[str]:
        """The metadata paths that ``vector_field`` has a window for; the first is its graph too."""
        return [path for path, fields in self.windows.items() if vector_field in fields]

    @property
    def default_field(self) -> str:
        """The field that ``vector`` and a query without ``using=`` mean."""
        return DEFAULT_FIELD if DEFAULT_FIELD in self.fields else next(iter(self.fields))

    def dumps(self) -> str:
        """As JSON text."""
        fields = {
            name: field.to_dict()
            if isinstance(field, Field)
            else {
                "dim": field.dim,
                "metric": field.metric,
                "encoder": field.encoder_name,
                "fingerprint": field.fingerprint,
                **({"nested": True} if field.nested else {}),
            }
            for name, field in self.fields.items()
        }
        return json.dumps(
            {
                "fields": fields,
                "indexed": list(self.indexed),
                "windows": {path: list(fields) for path, fields in self.windows.items()},
                "recall": self.recall,
                "log_queries": self.log_queries,
                "random_state": self.random_state,
                **self._unusual(),
            }
        )

    def _unusual(self) -> dict[str, Any]:
        """Only what is not as usual, which older versions would not know."""
        found: dict[str, Any] = {}
        if self.language != DEFAULT_LANGUAGE:
            found["language"] = self.language
        if self.kept:
            found["kept"] = list(self.kept)
        if self.prefixes:
            found["prefixes"] = {
                name: [asdict(way) for way in ways] for name, ways in self.prefixes.items()
            }
        return found

    @classmethod
    def loads(cls, text: str) -> Settings:
        """Back from `dumps`."""
        content: dict[str, Any] = json.loads(text)
        fields = {
            name: field_of(entry) if "kind" in entry else VectorField(**entry)
            for name, entry in content.pop("fields").items()
        }
        windows = content.pop("windows", {})  # which older collections do not have
        kept = tuple(content.pop("kept", ()))
        prefixes = {
            name: tuple(PrefixWay(**way) for way in ways)
            for name, ways in content.pop("prefixes", {}).items()
        }
        return cls(
            fields,
            tuple(content.pop("indexed")),
            {path: tuple(chosen) for path, chosen in windows.items()},
            kept=kept,
            prefixes=prefixes,
            **content,
        )


def make_settings(
    *,
    dim: int | None,
    metric: str | None,
    nested: bool | None,
    encoder: str | Encoder | None,
    fields: Mapping[str, AnyField] | None,
    recall: float,
    log_queries: bool,
    random_state: int,
    language: str | None,
) -> Settings:
    """The settings that the arguments of ``create`` describe.

    Raises:
        InvalidArgument: short and long form together, or neither; a reserved field name; an
            unknown language.
    """
    short = VectorField(dim, metric, encoder, nested=nested)
    if fields is None:
        named: Mapping[str, AnyField] = {DEFAULT_FIELD: short}
    elif short != VectorField():
        raise InvalidArgument("give either fields= or dim=/metric=/nested=/encoder=, not both")
    elif not isinstance(fields, Mapping):
        raise InvalidType(
            f"fields must be a dict of name to VectorField, SparseField, BagField or "
            f"GaussianField; got {type(fields).__name__}"
        )
    else:
        named = fields
    if not named:
        raise InvalidArgument("fields= is empty; a collection needs at least one vector field")
    for name, spec in named.items():
        if not isinstance(name, str) or not name.isidentifier() or name in RESERVED_FIELDS:
            raise InvalidArgument(
                f"{name!r} cannot name a vector field; use letters, digits and underscores, "
                f"and none of {', '.join(sorted(RESERVED_FIELDS))}"
            )
        if not isinstance(spec, VectorField | Field):
            raise InvalidType(
                f"fields[{name!r}] must be a VectorField, SparseField, BagField or GaussianField; "
                f"got {type(spec).__name__}"
            )
    if not isinstance(log_queries, bool):
        raise InvalidType(f"log_queries must be True or False; got {log_queries!r}")
    return Settings(
        {name: spec.settled(name) for name, spec in named.items()},
        recall=check_recall(recall),
        log_queries=log_queries,
        random_state=check_count("random_state", random_state, minimum=0),
        language=check_language(language),
    )


def check_language(language: Any) -> str | None:
    """``language`` as one that texts can be taken apart in.

    Raises:
        InvalidArgument: lists those there are.
    """
    if language == DEFAULT_LANGUAGE:
        return DEFAULT_LANGUAGE
    from likewise.encode.terms import Terms  # loads the stemmers

    return Terms(language).language
