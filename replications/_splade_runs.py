"""Training runs on the made-up corpus, and their figures as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from likewise.encode import Splade, train_splade
from likewise.testing.masked_lm import small_masked_lm
from replications._splade_world import Measured, World, make_world, measure, measure_bm25
from replications.protocol import Setting, Table

#: Weight of FLOPS for (queries, documents), where a run does not say otherwise.
USUAL = (0.1, 0.1)

TRAINING: dict[str, Any] = {
    "epochs": 8,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "negatives_per_query": 0,
    "flops_weight": USUAL,
}

NOTES = (
    "The corpus is made up: 800 documents about three of 60 things each, where each thing has "
    "three words and a query takes any of them; 1,200 queries to learn from, 250 to measure with.",
    "The model is a BERT of one layer and 64 numbers a token, from random weights, trained for "
    "304 steps of 32 queries. No pre-training, no MS MARCO: levels are not the paper's, and one "
    "seed was run. A difference of 0.02 in MRR@10 is within what 250 queries can tell apart.",
    "FLOPS is the mean number of terms that a query and a document share, over all pairs.",
)

#: What the distilled runs learn from.
DISTILLED = {"contrastive": 1.0, "margin_mse": 0.05}

DISTILLED_NOTE = (
    "Margin-MSE alone, as published, was tried first: from random weights it learned nothing in "
    "304 steps (MRR@10 0.03), as its few margins are all it sees of a batch. The distilled runs "
    "add it, at 0.05, to the contrastive loss."
)


@dataclass(frozen=True, slots=True)
class Run:
    """One encoder to train.

    Attributes:
        name: what the table calls it.
        encoder: settings of `Splade`; ``query_layers`` makes a query model of so many layers.
        training: settings of `train_splade` that differ from `TRAINING`.
    """

    name: str
    encoder: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def study(setting: Setting, runs: Sequence[Run], world: World | None = None) -> dict[str, Measured]:
    """BM25 and every run, by name."""
    world = world or make_world(setting.quick, setting.random_state)
    found = {"BM25": measure_bm25(world)}
    for done, run in enumerate(runs, 1):
        splade = train(setting, world, run)
        documents = splade.encode(list(world.documents.values()))
        found[run.name] = measure(world, splade.encode_queries(world.queries), documents)
        setting.progress.step(done, len(runs), run.name)
    return found


def train(setting: Setting, world: World, run: Run) -> Splade:
    """The encoder of ``run``, trained; for one epoch only when quick."""
    given = dict(run.encoder)
    layers = given.pop("query_layers", None)
    sizes = {"hidden": 16 if setting.quick else 64, "positions": 32}
    if layers is not None:
        given["query_model"], _ = small_masked_lm(
            world.words, layers=layers, random_state=setting.random_state + 1, **sizes
        )
    model, tokenizer = small_masked_lm(
        world.words, layers=1, random_state=setting.random_state, **sizes
    )
    splade = Splade(model, tokenizer, **given)
    settings = {**TRAINING, **run.training, "random_state": setting.random_state}
    if setting.quick:
        settings["epochs"] = 1
    train_splade(splade, world.examples, world.documents, **settings)
    return splade


def table(found: Mapping[str, Measured]) -> Table:
    """The figures of all runs."""
    return Table(
        "Held-out queries",
        ("run", "MRR@10", "FLOPS", "terms a query", "terms a document"),
        [
            (
                name,
                f"{m.mrr:.3f}",
                f"{m.flops:.2f}",
                f"{m.query_terms:.1f}",
                f"{m.document_terms:.1f}",
            )
            for name, m in found.items()
        ],
    )
