"""Reuters-21578: stories with the topics that editors gave them, by the ModApte split."""

from __future__ import annotations

import gzip
import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from replications.data import DataFolder

FILE = "reuters21578/reuters21578.jsonl.gz"


class Stories(NamedTuple):
    """One part of the split.

    Attributes:
        texts: title and body. topics: (n, labels) 0 or 1.
    """

    texts: list[str]
    topics: npt.NDArray[np.int8]


def reuters(data: DataFolder) -> tuple[Stories, Stories, list[str]]:
    """Training and test stories, and the topics: those that both parts have, ascending."""
    parts: dict[str, list[tuple[str, list[str]]]] = {"TRAIN": [], "TEST": []}
    with gzip.open(data.file(FILE), "rt", encoding="utf-8") as file:
        for line in file:
            story = json.loads(line)
            if story["has_topics"] == "YES" and story["lewissplit"] in parts:
                text = f"{story['title'] or ''}. {story['text'] or ''}"
                parts[story["lewissplit"]].append((text, story["topics"]))
    both = [{topic for _, topics in part for topic in topics} for part in parts.values()]
    names = sorted(set.intersection(*both))
    place = {name: i for i, name in enumerate(names)}
    found = []
    for part in parts.values():
        # A story of other topics alone, or of none, is left out, as is usual.
        kept = [(text, [place[t] for t in topics if t in place]) for text, topics in part]
        kept = [(text, at) for text, at in kept if at]
        rows = np.repeat(np.arange(len(kept)), [len(at) for _, at in kept])
        columns = np.concatenate([at for _, at in kept])
        ones = np.ones(len(rows), dtype=np.int8)
        table = csr_matrix((ones, (rows, columns)), shape=(len(kept), len(names)))
        found.append(Stories([text for text, _ in kept], table.toarray().clip(max=1)))
    return found[0], found[1], names
