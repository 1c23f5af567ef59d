"""`Splade`: any masked-language model as an encoder of sparse rows of terms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.encode import _masked_lm as masked_lm
from likewise.encode import _sparse_rows as sparse_rows
from likewise.encode._query_weights import check_query_weights, inverse_document_frequency
from likewise.encode._term_model import POOLINGS, TermModel
from likewise.encode.base import Progress, check_texts
from likewise.errors import InvalidArgument, InvalidType, InvalidVector

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Float32Array = npt.NDArray[np.float32]
Ids = list[int]

TEXTS_AT_ONCE = 4096  # tokenized and sorted together


class Splade:
    """Sparse rows from a masked-language model: one weight a token of its vocabulary.

    For the logits l_ij that the model's head gives token i of a text for token j of the
    vocabulary, and the attention mask m_i, the weight of term j is

        w_j = max_i m_i log(1 + max(0, l_ij))        pooling="max"
        w_j = sum_i m_i log(1 + max(0, l_ij))        pooling="sum"

    so a text has weights for terms that it does not hold but that could stand in it. Texts are
    compared by the dot product of their rows; they are not scaled to length one.

    With ``document_only`` a query is the set of its own tokens, each of weight 1 (or of
    ``query_weights``), and asks no model: searching costs as little as BM25 does.

    Special tokens: the marks at both ends of a text are read by the model and pooled over, as
    in the published encoders; no special token is ever a term, so its column is zero. A text
    without a token, such as an empty one, has a row without terms.

    Args:
        model: a masked-language model of transformers, or its name or path. What is loaded by
            name must be on this disk: nothing is downloaded.
        tokenizer: the model's tokenizer, or its name or path; may be left out with a name.
        pooling: ``"max"`` (SPLADE v2 and later) or ``"sum"`` (the first paper).
        document_only: queries are their own tokens (SPLADE-doc).
        query_weights: with ``document_only``, the weight of each token in a query: (dim,)
            numbers of at least 0, or {token: weight} where other tokens weigh 1. See `idf`.
        query_model: another masked-language model, for queries (Efficient SPLADE); it reads
            the same tokens.
        top_terms: keeps only so many of the heaviest terms of a document; None keeps all.
        query_top_terms: the same for queries.
        max_length: tokens of a text that are read, its marks counted; the rest is cut off.
            None is 256, or as many as the model has positions for.
        tokens_at_once: tokens in one call of the model, which needs about 8 bytes for each
            of them and each term: a quarter of a gigabyte for 1,024 and 30,522 terms.

    Raises:
        MissingExtra: torch or transformers is not installed.
        InvalidArgument: a model that is not on this disk, has no head for masked tokens, has
            NaN in its weights or another vocabulary than the tokenizer; an impossible number;
            query weights or top terms for queries that would be ignored.
        InvalidType: neither a name nor a model or tokenizer.

    Attributes:
        dim: the number of tokens, which are the columns.
        metric: ``"dot"``.

    Source: Formal, Piwowarski and Clinchant, "SPLADE: Sparse Lexical and Expansion Model for
    First Stage Ranking", SIGIR 2021; Formal, Lassance, Piwowarski and Clinchant, "SPLADE v2",
    2021, and "From Distillation to Hard Negative Sampling", SIGIR 2022; Lassance and Clinchant,
    "An Efficiency Study for SPLADE Models", SIGIR 2022.

    Example:
        >>> from likewise.testing.masked_lm import small_masked_lm
        >>> splade = Splade(*small_masked_lm(["cat", "dog", "naps"]))
        >>> rows = splade.encode(["cat naps", ""])
        >>> rows.shape, rows[[1]].nnz
        ((2, 8), 0)
    """

    name = "splade"
    metric = "dot"

    @suggest_arguments
    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        pooling: Literal["max", "sum"] = "max",
        document_only: bool = False,
        query_weights: Any = None,
        query_model: Any = None,
        top_terms: int | None = None,
        query_top_terms: int | None = None,
        max_length: int | None = None,
        tokens_at_once: int = 1024,
    ) -> None:
        masked_lm.need_torch("encoder splade")
        if pooling not in POOLINGS:
            raise InvalidArgument(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}")
        if document_only and (query_model is not None or query_top_terms is not None):
            raise InvalidArgument(
                "document_only queries are their own tokens: query_model and query_top_terms "
                "have no use; leave them out, or set document_only=False"
            )
        self.pooling = pooling
        self.document_only = bool(document_only)
        self.top_terms = None if top_terms is None else check_count("top_terms", top_terms)
        self.query_top_terms = (
            None if query_top_terms is None else check_count("query_top_terms", query_top_terms)
        )
        self.tokens_at_once = check_count("tokens_at_once", tokens_at_once)
        self.tokenizer = masked_lm.load_tokenizer(tokenizer, model)
        self.dim = masked_lm.vocabulary_size(self.tokenizer)
        self.model = masked_lm.load_model(model)
        masked_lm.check_model(self.model, self.tokenizer)
        self.query_model: Any = None
        if query_model is not None:
            self.query_model = masked_lm.load_model(query_model, "query_model")
            masked_lm.check_model(self.query_model, self.tokenizer, "query_model")
        self.max_length = self._check_length(max_length)
        self._special = sorted(set(self.tokenizer.all_special_ids))
        self._query_weights: Float32Array | None = None
        if query_weights is not None:
            self.query_weights = query_weights

    # -- rows ------------------------------------------------------------------------

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> csr_array:
        """The rows of documents, in the order given.

        A row depends on its own text only: the rest of the batch changes it by rounding at most.

        Args:
            texts: n strings; an empty one has a row without terms.
            progress: called with (done, n) after each piece of work, at last with (n, n). What
                it raises ends the encoding and reaches the caller.

        Returns:
            (n, dim) float32 scipy CSR; no weight is below zero, and none that is kept is zero.

        Raises:
            InvalidType: not a list of strings; the message names the row.
            InvalidRow: a text that is no Unicode (lone surrogates).
            InvalidVector: the model gives NaN or infinity for a text.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> Splade(*small_masked_lm(["cat", "dog"]), top_terms=1).encode(["cat", "dog"]).nnz
            2
        """
        return self._encode(texts, self.term_model(), self.top_terms, progress)

    def encode_queries(
        self, texts: Sequence[str], *, progress: Progress | None = None
    ) -> csr_array:
        """The rows of queries; arguments, result and errors as in `encode`.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.encode_queries(["dog cat dog"]).toarray()
            array([[0., 0., 0., 0., 0., 1., 1.]], dtype=float32)
        """
        if not self.document_only:
            return self._encode(texts, self.term_model(query=True), self.query_top_terms, progress)
        checked = check_texts(texts, blank=True)
        rows = self.bags(checked)
        if progress is not None:
            progress(len(checked), len(checked))
        return rows

    def encode_query(self, text: str) -> csr_array:
        """The (1, dim) row of one query; errors as in `encode`.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.encode_query("cat").nnz
            1
        """
        if not isinstance(text, str):
            raise InvalidType(f"a query must be a str; got {text!r:.40} of {type(text).__name__}")
        return self.encode_queries(check_texts([text], what="the query", blank=True))

    def terms(self, text: str, k: int = 10, *, query: bool = False) -> dict[str, float]:
        """The ``k`` heaviest terms of a text, as {token: weight}, the heaviest first.

        Args:
            text: a document, or a query.
            k: how many at most.
            query: reads the text as a query.

        Raises:
            InvalidArgument, InvalidType: k is no positive integer.
            InvalidType, InvalidRow, InvalidVector: as in `encode`.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.terms("the dog", query=True)
            {'dog': 1.0}
        """
        k = check_count("k", k)
        row = self.encode_query(text) if query else self.encode(check_texts([text], blank=True))
        return dict(list(self.as_terms(row)[0].items())[:k])

    def as_terms(self, rows: csr_array) -> list[dict[str, float]]:
        """Rows of `encode` as {token: weight} mappings, the heaviest term first.

        Raises:
            InvalidArgument: rows of another number of columns.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.as_terms(splade.encode_queries(["dog", ""]))
            [{'dog': 1.0}, {}]
        """
        if rows.shape[1] != self.dim:
            raise InvalidArgument(f"rows have {rows.shape[1]} columns; this encoder has {self.dim}")
        names = [str(n) for n in self.tokenizer.convert_ids_to_tokens(list(range(self.dim)))]
        return sparse_rows.as_terms(rows, names)

    # -- queries without a model -----------------------------------------------------

    @property
    def query_weights(self) -> Float32Array | None:
        """(dim,) weights of tokens in document-only queries; None is 1 each. Can be set.

        Raises:
            InvalidArgument: not ``document_only``; a wrong length, an unknown token, a weight
                below zero or not finite.
        """
        return self._query_weights

    @query_weights.setter
    def query_weights(self, weights: Any) -> None:
        if not self.document_only:
            raise InvalidArgument(
                "query_weights are for document_only=True; here a model weighs the queries"
            )
        self._query_weights = (
            None if weights is None else check_query_weights(weights, self.dim, self._token_id)
        )

    def idf(self, texts: Sequence[str]) -> Float32Array:
        """ln(1 + (n - n_j + 1/2) / (n_j + 1/2)) for each token j, which n_j of n texts hold.

        The inverse document frequency of BM25, to be used as ``query_weights``.

        Raises:
            InvalidType, InvalidRow: as in `encode`.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.query_weights = splade.idf(["cat", "cat dog", "cat"])
            >>> {term: round(w, 2) for term, w in splade.terms("cat dog", query=True).items()}
            {'dog': 0.98, 'cat': 0.13}
        """
        ids = self.token_ids(check_texts(texts, blank=True), marks=False)
        return inverse_document_frequency(ids, self.dim)

    # -- identity --------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """Identifies the rows: equal fingerprints encode a text alike, to rounding.

        The name, a colon, and 16 hexadecimal digits of the SHA-256 of the settings, the
        tokenizer and all weights. Computed anew each time, as training changes the weights:
        about a second for 500 MB.
        """
        digest = hashlib.sha256(json.dumps(self._settings(), sort_keys=True).encode())
        for model in (self.model, self.query_model):
            digest.update(b"\0model\0")
            for key, weight in sorted(model.state_dict().items()) if model is not None else ():
                plain = weight.detach().cpu().contiguous()
                digest.update(f"{key} {plain.dtype} {tuple(plain.shape)}\0".encode())
                digest.update(_bytes(plain))
        if self._query_weights is not None:
            digest.update(self._query_weights.astype("<f4").tobytes())
        return f"{self.name}:{digest.hexdigest()[:16]}"

    def _settings(self) -> dict[str, Any]:
        inner = getattr(self.tokenizer, "backend_tokenizer", None)
        # How texts are cut and filled up is set by every call: it is no part of the tokenizer.
        tokenizer = {} if inner is None else json.loads(inner.to_str())
        tokenizer = {k: v for k, v in tokenizer.items() if k not in ("truncation", "padding")}
        return {
            "tokenizer": tokenizer or type(self.tokenizer).__name__,
            "vocabulary": self.tokenizer.get_vocab(),
            "pooling": self.pooling,
            "document_only": self.document_only,
            "top_terms": [self.top_terms, self.query_top_terms],
            "max_length": self.max_length,
        }

    def __repr__(self) -> str:
        kind = ", document_only=True" if self.document_only else ""
        return f"Splade(dim={self.dim}, pooling={self.pooling!r}{kind})"

    # -- what training uses too --------------------------------------------------------

    def token_ids(self, texts: Sequence[str], *, marks: bool = True) -> list[Ids]:
        """Token ids of checked texts, cut at ``max_length``; of a text without tokens, none.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.token_ids(["dog cat", ""])
            [[2, 6, 5, 3], []]
        """
        if not len(texts):
            return []
        found = self.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.max_length,
            add_special_tokens=marks,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        bare = self.tokenizer.num_special_tokens_to_add() if marks else 0
        return [ids if len(ids) > bare else [] for ids in found]

    def bag_ids(self, texts: Sequence[str]) -> list[Ids]:
        """The different tokens of each checked text in order of their ids, no special ones.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.bag_ids(["dog cat dog"])
            [[5, 6]]
        """
        special = set(self._special)
        return [sorted(set(ids) - special) for ids in self.token_ids(texts, marks=False)]

    def bags(self, texts: Sequence[str]) -> csr_array:
        """Checked texts as sets of tokens that weigh 1 each, or their query weight.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.bags(["dog cat dog"]).data.tolist()
            [1.0, 1.0]
        """
        weights = self._query_weights
        if weights is None:
            weights = np.ones(self.dim, dtype=np.float32)
        terms = [np.array(ids, dtype=np.int32) for ids in self.bag_ids(texts)]
        return sparse_rows.from_terms([(ids, weights[ids]) for ids in terms], self.dim)

    def term_model(self, *, query: bool = False) -> TermModel:
        """The map from token ids to weights, for documents or for queries.

        Example:
            >>> from likewise.testing.masked_lm import small_masked_lm
            >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
            >>> splade.term_model()(splade.token_ids(["dog", "cat"])).shape
            torch.Size([2, 7])
        """
        model = self.query_model if query and self.query_model is not None else self.model
        padding = self.tokenizer.pad_token_id
        return TermModel(model, self.pooling, self.dim, self._special, padding or 0)

    # -- private -----------------------------------------------------------------------

    def _encode(
        self, texts: Sequence[str], model: TermModel, top: int | None, progress: Progress | None
    ) -> csr_array:
        checked = check_texts(texts, blank=True)
        model.model.eval()  # whoever trains it may have left dropout on
        order: list[int] = []
        parts = []
        for start in range(0, len(checked), TEXTS_AT_ONCE):
            ids = self.token_ids(checked[start : start + TEXTS_AT_ONCE])
            by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
            for rows in _batches([len(ids[i]) for i in by_length], self.tokens_at_once):
                chosen = by_length[rows]
                order += [start + i for i in chosen]
                weights = self._weights(model, [ids[i] for i in chosen], order[-len(chosen) :])
                parts.append(sparse_rows.from_dense(weights, top))
                if progress is not None:
                    progress(len(order), len(checked))
        if not parts:
            if progress is not None:
                progress(0, 0)
            return sparse_rows.from_terms([], self.dim)
        return sparse_rows.in_order(parts, order)

    def _weights(self, model: TermModel, ids: list[Ids], rows: list[int]) -> Float32Array:
        """(n, dim) weights of one call of the model; texts without tokens come first."""
        import torch

        found = np.zeros((len(ids), self.dim), dtype=np.float32)
        bare = sum(not text for text in ids)
        if bare < len(ids):
            with torch.inference_mode():
                found[bare:] = model(ids[bare:]).float().cpu().numpy()
        finite = np.isfinite(found).all(axis=1)
        if not finite.all():
            row = rows[int(finite.argmin())]
            raise InvalidVector(
                f"row {row}: the model gives NaN or infinity for this text; expected finite "
                "logits; load the model in float32, or look at its weights"
            )
        return found

    def _check_length(self, given: int | None) -> int:
        models = [m for m in (self.model, self.query_model) if m is not None]
        limits = [
            getattr(getattr(m, "config", None), "max_position_embeddings", None) for m in models
        ]
        positions = min((limit for limit in limits if limit), default=None)
        if given is None:
            return 256 if positions is None else min(256, positions)
        length = check_count(
            "max_length", given, minimum=1 + self.tokenizer.num_special_tokens_to_add()
        )
        if positions is not None and length > positions:
            raise InvalidArgument(
                f"max_length must be at most {positions}, the positions of the model; got {length}"
            )
        return length

    def _token_id(self, token: str) -> int | None:
        return self._vocabulary().get(token)

    def _vocabulary(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self.tokenizer.get_vocab()
        return found


def _batches(lengths: list[int], tokens: int) -> list[slice]:
    """Rising lengths cut in batches of at most ``tokens`` with padding, or of one text."""
    batches, start = [], 0
    for row, length in enumerate(lengths):
        if row > start and (row + 1 - start) * length > tokens:
            batches.append(slice(start, row))
            start = row
    return [*batches, slice(start, len(lengths))]


def _bytes(weight: Any) -> bytes:
    import torch

    found: bytes = weight.reshape(-1).view(torch.uint8).numpy().tobytes()
    return found
