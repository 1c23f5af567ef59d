"""Lexical search behind one protocol: Likewise, bm25s, rank_bm25 and tantivy.

All rank by BM25 with k1 1.2 and b 0.75, after stemming by Snowball and without 33 stop words;
tantivy has words and stems of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from likewise.encode.terms import STOP_WORDS, Terms
from likewise.index import Sparse

K1, B = 1.2, 0.75


class Lexical(Protocol):
    """An engine: fit texts, prepare queries, search one or all, add one text."""

    name: str
    package: str

    def fit(self, texts: Sequence[str]) -> None:
        """Tokenise and index."""

    def prepare(self, queries: Sequence[str]) -> list[Any]:
        """Queries as `search` takes them; not timed."""

    def search(self, query: Any, k: int) -> list[int]:
        """The best rows of one prepared query."""

    def search_all(self, queries: list[Any], k: int, threads: int = 1) -> list[list[int]]:
        """Those of all; engines without threads of their own ignore ``threads``."""

    def add(self, text: str) -> None:
        """Make one more text findable, by whatever it takes."""

    def drop(self) -> None:
        """Make the first text no longer findable, by whatever it takes."""


class Likewise:
    """Ours."""

    name, package = "Likewise", "likewise"

    def fit(self, texts: Sequence[str]) -> None:
        self._terms = Terms("english")
        self._index = Sparse("lucene", k1=K1, b=B).fit(self._terms.encode(texts))
        self._threaded: dict[int, Sparse] = {1: self._index}

    def prepare(self, queries: Sequence[str]) -> list[Any]:
        return self._terms.encode(queries)

    def search(self, query: Any, k: int) -> list[int]:
        return self._index.search(query, k).flat_ids.tolist()

    def search_all(self, queries: list[Any], k: int, threads: int = 1) -> list[list[int]]:
        if threads not in self._threaded:  # threads are a matter of the index, not of a search
            with TemporaryDirectory() as folder:
                path = Path(folder) / "index"
                self._index.save(path)
                self._threaded[threads] = Sparse.load(path, n_jobs=threads)
        found = self._threaded[threads].search(queries, k)
        ids, ends = found.flat_ids.tolist(), found.offsets.tolist()
        return [ids[start:stop] for start, stop in pairwise(ends)]

    def add(self, text: str) -> None:
        self._index.add([self._terms.encode_query(text)])

    def drop(self) -> None:
        self._index.delete([0])


class Bm25s:
    """bm25s with its numba backend; it has no way to add, so that it indexes anew."""

    name, package = "bm25s", "bm25s"

    def fit(self, texts: Sequence[str]) -> None:
        import bm25s
        import Stemmer

        self._texts = list(texts)
        self._options: dict[str, Any] = {
            "stopwords": sorted(STOP_WORDS["english"]),
            "stemmer": Stemmer.Stemmer("english"),
            "show_progress": False,
        }
        self._module = bm25s
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B, backend="numba")
        tokens = bm25s.tokenize(self._texts, **self._options)
        self._index.index(tokens, show_progress=False)

    def prepare(self, queries: Sequence[str]) -> list[Any]:
        tokens = self._module.tokenize(list(queries), return_ids=False, **self._options)
        return list(tokens)

    def search(self, query: Any, k: int) -> list[int]:
        return self.search_all([query], k)[0]

    def search_all(self, queries: list[Any], k: int, threads: int = 1) -> list[list[int]]:
        found, _ = self._index.retrieve(queries, k=k, show_progress=False, n_threads=threads)
        return found.tolist()

    def add(self, text: str) -> None:
        self.fit([*self._texts, text])

    def drop(self) -> None:
        self.fit(self._texts[1:])


class RankBm25:
    """rank_bm25 with the same terms as ours; plain Python and numpy, for few texts only."""

    name, package = "rank_bm25", "rank_bm25"

    def fit(self, texts: Sequence[str]) -> None:
        from rank_bm25 import BM25Okapi

        self._terms = Terms("english")
        self._texts = list(texts)
        self._index = BM25Okapi(self.prepare(texts), k1=K1, b=B)

    def prepare(self, queries: Sequence[str]) -> list[Any]:
        return [
            [t for t, n in row.items() for _ in range(n)] for row in self._terms.encode(queries)
        ]

    def search(self, query: Any, k: int) -> list[int]:
        return self._index.get_scores(query).argsort()[::-1][:k].tolist()

    def search_all(self, queries: list[Any], k: int, threads: int = 1) -> list[list[int]]:
        return [self.search(query, k) for query in queries]

    def add(self, text: str) -> None:
        self.fit([*self._texts, text])

    def drop(self) -> None:
        self.fit(self._texts[1:])


class Tantivy:
    """tantivy, in Rust, with its English analyser, one writer thread, in memory."""

    name, package = "tantivy", "tantivy"

    def fit(self, texts: Sequence[str]) -> None:
        import tantivy

        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", tokenizer_name="en_stem")
        builder.add_integer_field("row", stored=True, indexed=True)
        self._module = tantivy
        self._index = tantivy.Index(builder.build())
        self._count = 0
        self._write(texts)

    def _write(self, texts: Sequence[str]) -> None:
        writer = self._index.writer(heap_size=200_000_000, num_threads=1)
        for text in texts:
            writer.add_document(self._module.Document(text=[text], row=self._count))
            self._count += 1
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def prepare(self, queries: Sequence[str]) -> list[Any]:
        plain = ["".join(c if c.isalnum() else " " for c in query).lower() for query in queries]
        return [self._index.parse_query(query, ["text"]) for query in plain]

    def search(self, query: Any, k: int) -> list[int]:
        searcher = self._index.searcher()
        hits = searcher.search(query, k, count=False).hits
        return [searcher.doc(address)["row"][0] for _, address in hits]

    def search_all(self, queries: list[Any], k: int, threads: int = 1) -> list[list[int]]:
        return [self.search(query, k) for query in queries]

    def add(self, text: str) -> None:
        self._write([text])

    def drop(self) -> None:
        writer = self._index.writer(heap_size=200_000_000, num_threads=1)
        writer.delete_documents("row", 0)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()


ENGINES: tuple[type[Lexical], ...] = (Likewise, Bm25s, RankBm25, Tantivy)


def installed(peers: bool) -> list[type[Lexical]]:
    """Ours, and with ``peers`` those whose package is there."""
    there = [engine for engine in ENGINES[1:] if peers and find_spec(engine.package)]
    return [ENGINES[0], *there]
