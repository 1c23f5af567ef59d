"""The programs of `cold_start`, each a fresh process that prints one line when it has an answer."""

from __future__ import annotations

#: Nothing, and what everything here needs: the floor of all the others.
BARE = "print('ready')"
NUMPY = "import numpy; print(numpy.__version__)"
#: A name from the store loads the package for real.
IMPORT = "import likewise; print(likewise.__version__)"
NAMES = "import likewise; print(likewise.open, likewise.create, likewise.Results)"

#: argv: the folder of the store, a file with a query vector.
VECTOR = {
    "Likewise": """
import sys, numpy, likewise as lw
with lw.open(sys.argv[1], read_only=True) as collection:
    print(collection.search(numpy.load(sys.argv[2]), 10)[0], flush=True)
""",
    "LanceDB": """
import sys, numpy, lancedb
table = lancedb.connect(sys.argv[1]).open_table("rows")
search = table.search(numpy.load(sys.argv[2])).distance_type("cosine").limit(10)
search = search.ef(100).refine_factor(4).select(["id", "year", "lang", "price", "_distance"])
print(search.to_list()[0], flush=True)
""",
    "Chroma": """
import sys, numpy, chromadb
from chromadb.config import Settings
client = chromadb.PersistentClient(sys.argv[1], settings=Settings(anonymized_telemetry=False))
collection = client.get_collection("rows", embedding_function=None)
found = collection.query(query_embeddings=numpy.load(sys.argv[2])[None], n_results=10)
print(found["ids"][0][0], flush=True)
""",
}

#: argv: the folder of the collection.
TEXT = """
import sys, likewise as lw
with lw.open(sys.argv[1], read_only=True) as collection:
    print(collection.search("run a function at most n times a second", 10)[0], flush=True)
"""
