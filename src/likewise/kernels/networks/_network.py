"""A ``torch.nn.Module`` as a function of its parameters, row by row."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, MissingExtra
from likewise.kernels._rows import FloatArray

if TYPE_CHECKING:
    import torch

#: Tensors by the names of parameters.
Tensors = dict[str, Any]
INSTALL = "pip install 'likewise[torch]'"
DIFFERENTIABLE = (
    "the usual causes are in-place writes into a tensor made in forward, counters kept in "
    "buffers, .item() and branches on values: write x = x + y for x += y, torch.stack for "
    "writes into torch.zeros, torch.where for if"
)


def import_torch() -> Any:
    """torch, or the error with its install line."""
    try:
        import torch
    except ImportError:
        raise MissingExtra(f"kernels of networks need torch: {INSTALL}") from None
    return torch


class Network:
    """``f(parameters, row)`` of a module in evaluation mode.

    The module itself is neither switched to evaluation nor written to: the calls go through a
    copy of its structure that shares its tensors. So threads may each have a `Network` of one
    module, and dropout is off here whatever mode the module is in.

    Args:
        module: checked by `check_module`.
        parameters: names of parameters or of parts to differentiate by; None is all that
            require a gradient.
        integers: whether rows go to the module as int64.
    """

    def __init__(
        self, module: Any, parameters: Sequence[str] | None = None, integers: bool = False
    ) -> None:
        self._torch = import_torch()
        check_module(module)
        everything = {name: p.detach() for name, p in module.named_parameters()}
        names = chosen_parameters(module, parameters)
        self.parameters: Tensors = {name: everything.pop(name) for name in names}
        self.sizes = {name: p.numel() for name, p in self.parameters.items()}
        # Copied, so that a module that counts its calls in a buffer does not count ours.
        self._fixed = everything | {name: b.clone() for name, b in module.named_buffers()}
        shared = [*module.parameters(), *module.buffers()]
        self._skeleton = copy.deepcopy(module, {id(t): t for t in shared}).eval()
        self._integers = integers
        first = next(iter(self.parameters.values()))
        self.dtype, self._device = first.dtype, first.device

    @property
    def size(self) -> int:
        """How many numbers the parameters are."""
        return sum(self.sizes.values())

    @property
    def itemsize(self) -> int:
        """Bytes of one of them."""
        return int(self.dtype.itemsize)

    def tensor(self, rows: FloatArray) -> torch.Tensor:
        """Rows as the module takes them."""
        kind = self._torch.int64 if self._integers else self.dtype
        tensor: torch.Tensor = self._torch.tensor(rows).to(self._device, kind)
        return tensor

    def weights(self, values: Any) -> torch.Tensor:
        """Weights of outputs as a tensor."""
        tensor: torch.Tensor = self._torch.as_tensor(values).to(self._device, self.dtype)
        return tensor

    def output(self, parameters: Tensors, row: torch.Tensor) -> torch.Tensor:
        """(O,) outputs of one row."""
        given = {**self._fixed, **self.parameters, **parameters}
        out = self._torch.func.functional_call(self._skeleton, given, (row[None],))
        if not isinstance(out, self._torch.Tensor) or out.ndim == 0 or len(out) != 1:
            raise InvalidType(
                "the module must give one tensor with a row for each row it takes; of one row it "
                f"gave {_said(out)}; wrap it in a module that picks and shapes its outputs"
            )
        flat: torch.Tensor = out.reshape(-1)
        return flat

    def outputs(self, rows: FloatArray) -> torch.Tensor:
        """(n, O) outputs."""
        with differentiating():
            found: torch.Tensor = self._torch.func.vmap(lambda row: self.output({}, row))(
                self.tensor(rows)
            )
        return found

    def count_outputs(self, rows: FloatArray, what: str = "X") -> int:
        """O, by the first row; raises `DimensionMismatch` where the module refuses it."""
        try:
            with self._torch.no_grad():
                count = len(self.output({}, self.tensor(rows[:1])[0]))
            self._check_reached(rows)
            return count
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, InvalidType | InvalidArgument):
                raise
            hint = "" if self._integers else "; if it takes token numbers, say integers=True"
            raise DimensionMismatch(
                f"{what}: the module refuses rows of shape {rows.shape[1:]}: {first_line(error)}"
                f"{hint}"
            ) from error

    def _check_reached(self, rows: FloatArray) -> None:
        """Refuse a module whose outputs no parameter reaches: all its gradients would be 0."""
        leaves = {n: p.detach().clone().requires_grad_() for n, p in self.parameters.items()}
        try:
            with self._torch.enable_grad():
                out = self.output(leaves, self.tensor(rows[:1])[0])
        except RuntimeError:
            return  # what cannot be differentiated is refused, with its reason, when it is
        if not out.requires_grad:
            raise InvalidArgument(
                "no parameter reaches the module's outputs: they are computed under "
                "torch.no_grad(), detached, or of other parameters than those named"
            )

    def gradients(
        self, rows: torch.Tensor, heads: torch.Tensor, names: Sequence[str]
    ) -> dict[str, torch.Tensor]:
        """Gradients of the outputs weighted by each of R heads, for every row.

        Args:
            rows: n rows. heads: (R, O), or (n, R, O) with other ones for each row.
            names: the parameters to differentiate by.

        Returns:
            name to (n, R, size of the parameter).
        """
        vmap = self._torch.func.vmap
        by = {name: self.parameters[name] for name in names}

        def of_row(row: torch.Tensor, weights: torch.Tensor) -> Any:
            _, pull = self._torch.func.vjp(lambda p: self.output(p, row), by)
            if len(weights) == 1:  # a vmap of one costs more than its call
                return {name: g[None] for name, g in pull(weights[0])[0].items()}
            return vmap(lambda w: pull(w)[0])(weights)

        with differentiating():
            found = vmap(of_row, in_dims=(0, 0 if heads.ndim == 3 else None))(rows, heads)
        count = heads.shape[-2]
        return {name: g.reshape(len(rows), count, -1) for name, g in found.items()}

    def pulled(self, rows: torch.Tensor, weights: torch.Tensor) -> Tensors:
        """``sum_i weights_gi . J(x_i)`` for g sets of weights (g, n, O), by passes backward."""
        func = self._torch.func
        with differentiating():
            _, pull = func.vjp(self._of_rows(rows), self.parameters)
            found: Tensors = func.vmap(lambda w: pull(w)[0])(weights)
        return found

    def pushed(self, rows: torch.Tensor, tangents: Tensors) -> torch.Tensor:
        """``J(x_i) tangent_g`` as (g, n, O): the derivative of ``u -> J'u``, which is linear in u.

        Two passes backward in place of one forward, which not every module has and whose first
        call makes torch compile for seconds.
        """
        func = self._torch.func
        with differentiating():
            out, pull = func.vjp(self._of_rows(rows), self.parameters)
            _, push = func.vjp(lambda u: pull(u)[0], self._torch.zeros_like(out))
            found: torch.Tensor = func.vmap(lambda t: push(t)[0])(tangents)
        return found

    def _of_rows(self, rows: torch.Tensor) -> Callable[[Tensors], torch.Tensor]:
        def of_rows(parameters: Tensors) -> torch.Tensor:
            out: torch.Tensor = self._torch.func.vmap(lambda row: self.output(parameters, row))(
                rows
            )
            return out

        return of_rows


def check_module(module: Any) -> None:
    """Refuse what is no module, and modules whose rows have no gradient of their own."""
    torch = import_torch()
    if not isinstance(module, torch.nn.Module):
        raise InvalidType(f"module must be a torch.nn.Module; got {module!r:.60}")
    kinds = {p.dtype for p in module.parameters()}
    if not kinds:
        raise InvalidArgument("the module has no parameters, so it has no tangent kernel")
    if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
        said = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
        raise InvalidArgument(
            f"the module's parameters are {said}; expected all float32 or all float64: call "
            "module.float() or module.double()"
        )
    for name, part in module.named_modules():
        _check_normalisation(torch, name, part)


def _check_normalisation(torch: Any, name: str, part: Any) -> None:
    if not isinstance(part, torch.nn.modules.batchnorm._NormBase):
        return
    of_a_row = isinstance(part, torch.nn.modules.instancenorm._InstanceNorm)
    if of_a_row and not part.track_running_stats:
        return
    where = f"the module's part {name!r} ({type(part).__name__})"
    if part.running_mean is None:
        raise InvalidArgument(
            f"{where} keeps no running statistics, so that rows of a batch change each other's "
            "outputs; use GroupNorm or LayerNorm, or track_running_stats=True"
        )
    if part.training:
        raise InvalidArgument(
            f"{where} is in training mode, where rows of a batch change each other's outputs; "
            "call module.eval() to use its running statistics"
        )


def chosen_parameters(module: Any, wanted: Any) -> list[str]:
    """The names of the parameters to differentiate by, in the module's order."""
    every = dict(module.named_parameters())
    if wanted is None:
        chosen = [name for name, p in every.items() if p.requires_grad]
        if not chosen:
            raise InvalidArgument(
                "no parameter of the module requires a gradient; name those to differentiate by "
                "in parameters="
            )
        return chosen
    if isinstance(wanted, str) or not isinstance(wanted, Sequence):
        raise InvalidType(f"parameters must be a list of names; got {wanted!r:.60}")
    for part in wanted:
        if not any(_within(name, part) for name in every):
            raise InvalidArgument(
                f"parameters: the module has no parameter or part {part!r}; it has "
                f"{', '.join(every)}"
            )
    if not wanted:
        raise InvalidArgument("parameters must name at least one; None is all")
    return [name for name in every if any(_within(name, part) for part in wanted)]


def _within(name: str, part: Any) -> bool:
    return name == part or name.startswith(f"{part}.")


@contextmanager
def differentiating() -> Iterator[None]:
    """Turn torch's refusal to differentiate into an error with the remedy."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        if "alloc" in str(error):  # out of memory is what it says
            raise
        raise InvalidArgument(
            f"torch.func cannot differentiate the module: {first_line(error)}; {DIFFERENTIABLE}"
        ) from error


def first_line(error: Exception) -> str:
    """The first line of a message, not too long."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return line if len(line) <= 200 else f"{line[:200].rsplit(' ', 1)[0]} ..."


def _said(out: Any) -> str:
    shape = getattr(out, "shape", None)
    return type(out).__name__ if shape is None else f"a tensor of shape {tuple(shape)}"


def as_array(tensor: torch.Tensor) -> FloatArray:
    """A tensor's numbers as an array in main memory."""
    array: FloatArray = np.asarray(tensor.detach().cpu().numpy())
    return array
