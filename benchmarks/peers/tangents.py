"""neural-tangents behind a pipe, since it runs beside older versions of numpy and jax only.

``NEURAL_TANGENTS_PYTHON`` names an interpreter that has it; for example

    python -m venv nt && nt/bin/pip install neural-tangents==0.6.5 jax==0.4.30 jaxlib==0.4.30 \
        tf2jax==0.3.5 "numpy<2" "scipy<1.13"
    NEURAL_TANGENTS_PYTHON=nt/bin/python python -m benchmarks ntk

The other process runs this file, with nothing of Likewise: it reads a line of JSON a kernel and
answers with the seconds it took, without those of compiling.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


class NeuralTangents:
    """The other process; `available` says whether there is one to start."""

    @staticmethod
    def available() -> bool:
        """Whether the interpreter is named."""
        return bool(os.environ.get("NEURAL_TANGENTS_PYTHON"))

    def __init__(self) -> None:
        environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
        environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            [os.environ["NEURAL_TANGENTS_PYTHON"], str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def kernel(
        self,
        rows: Path,
        activation: str,
        depth: int,
        get: str,
        save: Path | None,
        *,
        images: str | None = None,
    ) -> float:
        """Seconds of one kernel matrix of the rows in a file; it is written to ``save``.

        ``images`` is None for fully connected layers, ``"flat"`` or ``"pooled"`` for convolutions.
        """
        asked = {
            "rows": str(rows),
            "activation": activation,
            "depth": depth,
            "get": get,
            "images": images,
            "save": None if save is None else str(save),
        }
        sent, answers = self._process.stdin, self._process.stdout
        if sent is None or answers is None:
            raise RuntimeError("the other process has no pipes")
        sent.write(json.dumps(asked) + "\n")
        sent.flush()
        for line in answers:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise RuntimeError(
            "the process of neural-tangents ended; run this file by itself to see why"
        )

    def close(self) -> None:
        """End the other process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def serve() -> None:
    """Answer one line after the other; in the other process."""
    import jax
    import numpy as np
    from neural_tangents import stax  # type: ignore[import-not-found]

    nonlinear = {
        "relu": stax.Relu,
        "erf": stax.Erf,
        "gelu": lambda: stax.Gelu(approximate=False),
    }
    kernels: dict[Any, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        X = np.load(asked["rows"])
        key = (
            asked["activation"],
            asked["depth"],
            asked["get"],
            asked["images"],
            X.shape,
            X.dtype.str,
        )
        if key not in kernels:
            layers: list[Any] = []
            wide = {"W_std": 2**0.5, "b_std": 0.1}
            for _ in range(asked["depth"]):
                layers.append(
                    stax.Conv(1, (3, 3), padding="SAME", **wide)
                    if asked["images"]
                    else stax.Dense(1, **wide)
                )
                layers.append(nonlinear[asked["activation"]]())
            if asked["images"]:
                layers.append(
                    stax.GlobalAvgPool() if asked["images"] == "pooled" else stax.Flatten()
                )
            _, _, kernel = stax.serial(*layers, stax.Dense(1, **wide))
            kernels[key] = jax.jit(kernel, static_argnames="get")
            kernels[key](X, None, asked["get"]).block_until_ready()
        started = time.perf_counter()
        found = kernels[key](X, None, asked["get"]).block_until_ready()
        seconds = time.perf_counter() - started
        if asked["save"]:
            np.save(asked["save"], np.asarray(found))
        print(f"seconds {seconds}", flush=True)


if __name__ == "__main__":
    serve()
