"""One fit of kernel ridge in a process of its own: ``python -m benchmarks._kernel_ridge_run``.

Arguments: whose (ours, ours-exact, nystroem, sklearn), rows, seed. Prints one line of JSON:
seconds, processor seconds, peak megabytes, the error on new rows, and the plan.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt

DIM, QUERIES, LENGTH, RIDGE, LIMIT = 8, 2000, 2.8, 0.1, 4e9
Table64 = npt.NDArray[np.float64]


def data(rows: int, seed: int) -> tuple[Table64, Table64, Table64, Table64]:
    """A smooth function of three of eight inputs, with noise; new rows without it."""
    rng = np.random.default_rng(seed)
    X, Q = rng.standard_normal((rows, DIM)), rng.standard_normal((QUERIES, DIM))
    y, truth = (np.sin(2 * Z[:, 0]) + Z[:, 1] * Z[:, 2] for Z in (X, Q))
    return X, y + 0.1 * rng.standard_normal(rows), Q, truth


def machine(whose: str, rows: int, seed: int) -> Any:
    """An estimator that is not fitted yet."""
    gamma = 1 / (2 * LENGTH**2)
    if whose == "sklearn":
        from sklearn.kernel_ridge import KernelRidge as Peer

        return Peer(kernel="rbf", gamma=gamma, alpha=RIDGE)
    if whose == "nystroem":
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline

        from likewise.kernels.machines._landmarks import usual_landmarks

        features = Nystroem(gamma=gamma, n_components=usual_landmarks(rows), random_state=seed)
        return make_pipeline(features, Ridge(alpha=RIDGE, fit_intercept=False))
    from likewise.kernels import RBF
    from likewise.kernels.machines import KernelRidge

    method: Any = "exact" if whose == "ours-exact" else "auto"
    kernel = RBF(length=LENGTH)
    return KernelRidge(kernel, RIDGE, method=method, memory_limit=LIMIT, random_state=seed)


def main(whose: str, rows: int, seed: int) -> dict[str, Any]:
    """Fit, ask, and say what it took."""
    X, y, Q, truth = data(rows, seed)
    model = machine(whose, rows, seed)
    started, busy = time.perf_counter(), time.process_time()
    model.fit(X, y)
    seconds, processor = time.perf_counter() - started, time.process_time() - busy
    error = float(np.sqrt(np.mean((model.predict(Q) - truth) ** 2)))
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return {
        "seconds": seconds,
        "processor": processor,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        "error": error,
        "plan": str(getattr(model, "plan_", "")),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
