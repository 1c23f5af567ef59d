"""Short English texts of five public data sets: films, posts, news wires, news, utterances."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator

import numpy as np

from replications.data import DataFolder

#: Characters kept of each text, and how few are too few to mean something.
KEPT, FEWEST = 220, 15
FILES = (
    "wikipedia_movies/wikipedia_movies.jsonl.gz",
    "newsgroups20/newsgroups20.jsonl.gz",
    "reuters21578/reuters21578.jsonl.gz",
    "ag_news_test/test.csv",
    "clinc150/data_full.json",
)


def texts(data: DataFolder, count: int) -> list[str]:
    """``count`` different texts, drawn from all the files; always the same ones.

    Raises:
        MissingData: a file is not there.
        ValueError: they hold fewer texts.
    """
    data.require(FILES)
    different = [text for text in dict.fromkeys(_all(data)) if len(text) > FEWEST]
    if len(different) < count:
        raise ValueError(f"expected at least {count:,} texts; the files hold {len(different):,}")
    order = np.random.default_rng(0).permutation(len(different))[:count]
    return [different[i] for i in order]


def _all(data: DataFolder) -> Iterator[str]:
    films, posts, wires, news, utterances = FILES
    for name, head in ((films, "title"), (posts, "subject"), (wires, "title")):
        with gzip.open(data.file(name), "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield f"{row.get(head) or ''}. {row.get('text') or ''}"[:KEPT]
    with open(data.file(news), newline="", encoding="utf-8") as file:
        for _, title, text in csv.reader(file):
            yield f"{title}. {text}"[:KEPT]
    with open(data.file(utterances), encoding="utf-8") as file:
        for pairs in json.load(file).values():
            yield from (text for text, _ in pairs)
