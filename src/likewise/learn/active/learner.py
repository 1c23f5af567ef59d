"""`ActiveLearner`: a pool, its labels so far, and what to ask for next."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import DuplicateId, InvalidArgument, InvalidType, NotFitted
from likewise.kernels import Kernel
from likewise.kernels._rows import as_rows
from likewise.learn._checks import label_array
from likewise.learn._kinds import check_kinds
from likewise.learn.active._candidates import IntArray
from likewise.learn.active.features import FEATURES, Features, as_features
from likewise.learn.active.selections import Selection, as_selection
from likewise.learn.active.suggesting import Mode, suggest
from likewise.learn.active.transforms import chain
from likewise.learn.active.uncertainty import UNCERTAINTIES


class ActiveLearner:
    """Holds rows, of which some are labelled; `ask` for more labels, `tell` them, and again.

    The model is made anew and fitted from the beginning each time that labels have come and it is
    needed, since a model that goes on from its last state fits late labels worse. `ask` changes
    nothing: asked twice, it answers the same.

    Args:
        X: (n, ...) all rows; their number is their id.
        model: an estimator with ``fit`` and ``predict``. It is copied, never fitted itself.
        features: in what rows are compared: "rows" (X itself), "last_layer" or "gradients" (of a
            network: the model's ``module_``), a kernel, or a function of (fitted model, rows).
        transform, selection, mode: as for `suggest`. Uncertainty reads ``predict_proba``, and like
            "random" no features.
        random_state: the seed; batches of different rounds are drawn apart.

    Where features or selection need a fitted model, the batch before the first label is random.

    Raises:
        InvalidArgument, InvalidType, InvalidVector: as `suggest`.

    Cost: `ask` one fit, features of all rows, and the selection.

    Example:
        >>> from sklearn.linear_model import Ridge
        >>> X = np.linspace(0, 1, 20)[:, None]
        >>> learner = ActiveLearner(X, Ridge(1e-6))
        >>> learner.tell([0, 1], X[[0, 1], 0] * 3)
        >>> ids = learner.ask(1)
        >>> ids.tolist(), learner.model.predict([[2.0]]).round(3).tolist()
        ([19], [5.996])
    """

    @suggest_arguments
    def __init__(
        self,
        X: Any,
        model: Any,
        *,
        features: str | Kernel | Features = "rows",
        transform: Any = None,
        selection: str | Selection = "lcmd",
        mode: Mode = "tp",
        random_state: int = 0,
    ) -> None:
        self.X = as_rows(X, "X", ndim=max(2, np.ndim(X)))
        if not len(self.X):
            raise InvalidArgument("X is empty: there is no row to choose")
        if not callable(getattr(model, "fit", None)) or not hasattr(model, "predict"):
            raise InvalidType(f"model must have fit and predict; got {model!r:.60}")
        as_selection(selection)
        uncertain = isinstance(selection, str) and selection in UNCERTAINTIES
        if chain(transform) and (uncertain or selection == "random"):
            raise InvalidArgument(f"selection {selection!r} reads no features; leave transform out")
        if uncertain and not hasattr(model, "predict_proba"):
            raise InvalidType(
                f"selection {selection!r} needs a model with predict_proba; {type(model).__name__} "
                "has none"
            )
        self._features = as_features(features)
        by_model = not isinstance(features, Kernel) and self._features is not FEATURES["rows"]
        self._uncertain, self._needs_model = uncertain, by_model or uncertain
        self.transform, self.selection, self.mode = transform, selection, mode
        self.random_state = check_count("random_state", random_state, minimum=0)
        self._template = model
        self._fitted: Any = None
        self._is_labelled = np.zeros(len(self.X), dtype=bool)
        #: Ids of labelled rows, in the order told, and their labels.
        self.labelled: IntArray = np.zeros(0, dtype=np.int64)
        self.y: npt.NDArray[Any] = np.zeros(0)

    @property
    def pool(self) -> IntArray:
        """Ids of rows without a label, ascending."""
        return np.flatnonzero(~self._is_labelled).astype(np.int64)

    @property
    def model(self) -> Any:
        """The model, fitted from the beginning on all that is labelled."""
        if not len(self.labelled):
            raise NotFitted("no row is labelled yet; tell(ids, y) first")
        if self._fitted is None:
            model = _fresh(self._template)
            self._fitted = model.fit(self.X[self.labelled], self.y) or model
        return self._fitted

    def ask(self, n: int) -> IntArray:
        """Ids of n rows to label next, in the order chosen."""
        pool, known = self.pool, self.labelled
        options: dict[str, Any] = {"selection": self.selection}
        rows = labelled = None
        if self.selection == "random" or (self._needs_model and not len(known)):
            options["selection"], rows = "random", np.zeros((len(pool), 1))
        elif self._uncertain:
            options["probabilities"] = self._probabilities(pool)
        else:
            model = self.model if self._needs_model else None
            rows = self._features(model, self.X[pool])
            labelled = self._features(model, self.X[known]) if len(known) else None
            options["transform"] = self.transform
        # Drawn apart each round, and the same when asked again.
        seed = np.random.SeedSequence([self.random_state, len(known)]).generate_state(1)[0]
        chosen = suggest(
            rows,
            n,
            features_labelled=labelled,
            mode=self.mode,
            copies="keep",  # ids tell labelled rows from others that look the same
            random_state=int(seed),
            **options,
        )
        found: IntArray = pool[chosen]
        return found

    def tell(self, ids: Any, y: Any) -> None:
        """Labels ``y`` of the rows ``ids``: all are taken, or none.

        Raises:
            DuplicateId: a row that is labelled already, or twice. InvalidArgument: an id that is
            none, another number of labels, a missing label. InvalidType: ids that are no integers,
            labels of another kind than before.
        """
        found, labels = self._check_ids(ids), self._check_labels(y)
        if len(found) != len(labels):
            raise InvalidArgument(f"{len(found)} ids came with {len(labels)} labels")
        self.y = np.concatenate([self.y, labels]) if len(self.labelled) else labels
        self.labelled = np.concatenate([self.labelled, found])
        self._is_labelled[found] = True
        self._fitted = None

    def _probabilities(self, pool: IntArray) -> Any:
        if not len(pool):
            return np.zeros((0, 2))
        return self.model.predict_proba(self.X[pool])

    def _check_ids(self, ids: Any) -> IntArray:
        found = np.asarray(ids)
        if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
            raise InvalidType(f"ids must be a list of integers, row numbers of X; got {ids!r:.60}")
        found = found.astype(np.int64)
        outside = found[(found < 0) | (found >= len(self.X))]
        if len(outside):
            raise InvalidArgument(f"id {outside[0]} is none; X has rows 0 to {len(self.X) - 1}")
        values, counts = np.unique(found, return_counts=True)
        twice = values[(counts > 1) | self._is_labelled[values]]
        if len(twice):
            raise DuplicateId(
                f"row {twice[0]} is labelled already, or twice in ids; tell rows of .pool, each "
                "once"
            )
        return found

    def _check_labels(self, y: Any) -> npt.NDArray[Any]:
        labels = label_array(y, "label")
        if len(self.labelled):
            check_kinds(self.y, labels)
        return labels


def _fresh(model: Any) -> Any:
    """A copy that has learnt nothing."""
    from sklearn.base import clone

    return clone(model) if hasattr(model, "get_params") else copy.deepcopy(model)
