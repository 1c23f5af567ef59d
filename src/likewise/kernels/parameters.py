"""`Parametrised`: hyper-parameters as plain constructor arguments, with bounds, as one vector."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number, unknown_argument
from likewise.errors import InvalidArgument, InvalidType

Float64Array = npt.NDArray[np.float64]
Bounds = tuple[float, float]


class Hyperparameter(NamedTuple):
    """A positive number, or several, that may be learnt: its name, value and bounds."""

    name: str
    value: Float64Array
    bounds: Bounds


class Parametrised:
    """What has hyper-parameters; the protocol of scikit-learn's ``get_params`` and ``clone``.

    A subclass names in ``BOUNDS`` its continuous, positive hyper-parameters and the bounds that
    they are learnt within by default, and takes ``bounds=`` in its constructor: a mapping from
    name to ``(low, high)``, or to ``"fixed"`` for what is not to be learnt.
    """

    BOUNDS: ClassVar[Mapping[str, Bounds]] = {}

    @classmethod
    def _argument_names(cls) -> list[str]:
        return list(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments; with ``deep``, also those of parts, as ``part__name``."""
        params: dict[str, Any] = {}
        for name in self._argument_names():
            value = params[name] = getattr(self, name)
            if deep and isinstance(value, Parametrised):
                params.update({f"{name}__{k}": v for k, v in value.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Change arguments in place; ``part__name`` reaches into a part.

        Raises:
            UnknownArgument: a name that the constructor does not take. And what the constructor
            raises; nothing is changed then.
        """
        before = {name: getattr(self, name) for name in self._argument_names()}
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            own, _, inner = name.partition("__")
            if own not in before:
                raise unknown_argument(type(self).__name__, own, set(before))
            if inner:
                nested.setdefault(own, {})[inner] = value
            else:
                setattr(self, own, value)
        try:
            for own, values in nested.items():
                getattr(self, own).set_params(**values)
            self._check_parameters()
        except Exception:
            for name, value in before.items():
                setattr(self, name, value)
            raise
        return self

    def copy(self, **params: Any) -> Self:
        """A new one with the same arguments, but for ``params``; parts are copied too."""
        own = self.get_params(deep=False)
        made = {k: v.copy() if isinstance(v, Parametrised) else v for k, v in own.items()}
        return type(self)(**made).set_params(**params)

    def _check_parameters(self) -> None:
        """Refuse impossible hyper-parameters. A subclass with others of its own extends it."""
        for name in self.BOUNDS:
            check_positive(name, getattr(self, name))
        bounds = getattr(self, "bounds", None)
        if bounds is not None:
            self._check_bounds(bounds)

    def _usual_bounds(self) -> Mapping[str, Bounds]:
        """``BOUNDS``. A subclass adds numbers that may also be 0, and are not learnt then."""
        return self.BOUNDS

    def _check_bounds(self, bounds: Any) -> None:
        if not isinstance(bounds, Mapping):
            raise InvalidType(f"bounds must be a mapping from name to (low, high); got {bounds!r}")
        for name, pair in bounds.items():
            if name not in self._usual_bounds():
                raise InvalidArgument(
                    f"bounds: {type(self).__name__} has no {name!r} to be learnt; "
                    f"it has {', '.join(self._usual_bounds()) or 'none'}"
                )
            if isinstance(pair, str) and pair == "fixed":
                continue
            low, high = (check_number(f"bounds[{name!r}]", end) for end in _pair(name, pair))
            if not 0 < low < high:
                raise InvalidArgument(
                    f"bounds[{name!r}] must be 0 < low < high; got ({low:g}, {high:g})"
                )

    # -- as one vector --------------------------------------------------------------

    def hyperparameters(self) -> list[Hyperparameter]:
        """Those that may be learnt, in order; those of parts follow as ``part__name``."""
        given = getattr(self, "bounds", None) or {}
        own = [
            Hyperparameter(
                name,
                np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64)),
                given.get(name, usual),
            )
            for name, usual in self._usual_bounds().items()
            if not isinstance(given.get(name), str)
        ]
        for name, part in self._parts():
            own += [h._replace(name=f"{name}__{h.name}") for h in part.hyperparameters()]
        return own

    def _parts(self) -> Iterator[tuple[str, Parametrised]]:
        for name in self._argument_names():
            if isinstance(value := getattr(self, name), Parametrised):
                yield name, value

    @property
    def theta(self) -> Float64Array:
        """The natural logarithms of `hyperparameters`, end to end: what optimisers move."""
        values = [h.value for h in self.hyperparameters()]
        return np.log(np.concatenate(values)) if values else np.empty(0)

    @property
    def theta_bounds(self) -> Float64Array:
        """(len(theta), 2): the bounds of `theta`."""
        pairs = [h.bounds for h in self.hyperparameters() for _ in h.value]
        return np.log(np.asarray(pairs, dtype=np.float64).reshape(-1, 2))

    def with_theta(self, theta: npt.ArrayLike) -> Self:
        """A copy with the hyper-parameters ``exp(theta)``.

        Raises:
            InvalidArgument: ``theta`` has another length than `theta`.
        """
        values = np.exp(np.asarray(theta, dtype=np.float64))
        if values.shape != self.theta.shape:
            raise InvalidArgument(
                f"theta: expected {len(self.theta)} numbers; got an array {values.shape}"
            )
        params, at = {}, 0
        for name, value, _ in self.hyperparameters():
            part = values[at : at + len(value)]
            params[name] = part if len(part) > 1 else float(part[0])
            at += len(value)
        return self.copy(**params)

    # -- as a value -----------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Parametrised):
            return NotImplemented
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]  # may be changed in place by set_params

    def __repr__(self) -> str:
        usual = inspect.signature(type(self)).parameters
        said = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if usual[name].default is inspect.Parameter.empty
            or not np.array_equal(usual[name].default, value)
        ]
        return f"{type(self).__name__}({', '.join(said)})"


def check_positive(name: str, value: Any) -> None:
    """Refuse what is no positive number, or no 1-d array of them."""
    if isinstance(value, (np.ndarray, list, tuple)):
        array = np.asarray(value)
        if array.ndim != 1 or not array.size or array.dtype.kind not in "fiu":
            raise InvalidType(f"{name} must be a positive number or a 1-d array; got {value!r:.60}")
        if not (np.isfinite(array) & (array > 0)).all():
            raise InvalidArgument(f"{name} must be positive in every dimension; got {value!r:.60}")
    elif check_number(name, value) <= 0:
        raise InvalidArgument(f"{name} must be positive; got {value!r}")


def _pair(name: str, pair: Any) -> tuple[Any, Any]:
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise InvalidType(
            f'bounds[{name!r}] must be (low, high) or "fixed"; got {pair!r}'
        ) from None
    return low, high
