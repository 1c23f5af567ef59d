"""Posts of 20 newsgroups as vectors of meaning, and what their groups are about in words."""

from __future__ import annotations

import gzip
import json
from typing import NamedTuple

import numpy as np

from benchmarks.vectors import cache_folder, kept
from likewise.encode import get_encoder
from replications.data import DataFolder, FloatRows, Labels

FILE = "newsgroups20/newsgroups20.jsonl.gz"
POSTS = 3_000
#: Characters of a post that are read: about what fits the encoder's window in time.
READ = 500
#: What a person would call each group.
TOPICS = {
    "alt.atheism": "atheism",
    "comp.graphics": "computer graphics",
    "comp.os.ms-windows.misc": "Microsoft Windows",
    "comp.sys.ibm.pc.hardware": "IBM PC hardware",
    "comp.sys.mac.hardware": "Apple Macintosh hardware",
    "comp.windows.x": "the X window system",
    "misc.forsale": "things for sale",
    "rec.autos": "cars",
    "rec.motorcycles": "motorcycles",
    "rec.sport.baseball": "baseball",
    "rec.sport.hockey": "ice hockey",
    "sci.crypt": "cryptography",
    "sci.electronics": "electronics",
    "sci.med": "medicine",
    "sci.space": "space",
    "soc.religion.christian": "Christianity",
    "talk.politics.guns": "guns",
    "talk.politics.mideast": "the Middle East",
    "talk.politics.misc": "politics",
    "talk.religion.misc": "religion",
}


class News(NamedTuple):
    """Posts of one group each.

    Attributes:
        vectors: (n, 384), of unit length.
        groups: (n,) places in ``names``.
        names: of the 20 groups, ascending.
        topics: (20, 384) vectors of the words of `TOPICS`, in the same order.
    """

    vectors: FloatRows
    groups: Labels
    names: list[str]
    topics: FloatRows


def news(data: DataFolder) -> News:
    """The first `POSTS` posts that have a body and stand in one group; vectors are kept."""
    names = sorted(TOPICS)
    posts = []
    with gzip.open(data.file(FILE), "rt", encoding="utf-8") as file:
        for line in file:
            post = json.loads(line)
            if post["text"].strip() and not post["crossposted"]:
                posts.append(post)
            if len(posts) == POSTS:
                break
    groups = np.array([names.index(post["group"]) for post in posts], dtype=np.int64)
    texts = [f"{post['subject']}. {post['text']}"[:READ] for post in posts]
    encoder = get_encoder("minilm")
    path = cache_folder() / f"newsgroups-{POSTS}-{READ}-minilm.npy"
    vectors = np.asarray(kept(path, lambda: encoder.encode(texts)))
    topics = encoder.encode([TOPICS[name] for name in names])
    return News(vectors, groups, names, topics)
