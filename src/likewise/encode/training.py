"""`train_splade`: a small training loop for sparse encoders, in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.encode._batches import batches
from likewise.encode._distilling import Teacher, Teaching
from likewise.encode._training_step import Objective, Trainer
from likewise.encode._training_texts import TrainingTexts
from likewise.encode.base import Progress
from likewise.encode.losses import DISTILLATION, LOSSES, REGULARISERS, quadratic_ramp
from likewise.encode.mining import Example, Id, Searcher, check_examples
from likewise.encode.splade import Splade
from likewise.errors import InvalidArgument, InvalidType

#: (query, document) weights of the first paper for the contrastive loss.
FLOPS_WEIGHT = (3e-4, 1e-4)


@dataclass(slots=True)
class TrainingReport:
    """What happened at each step, in lists of the same length.

    Attributes:
        loss: the whole loss: ranking and regularisers, as they were weighed at that step.
        ranking: the ranking loss alone.
        query_terms, document_terms: mean number of terms of the batch's rows.
        query_flops, document_flops: the FLOPS loss of the batch's rows, without its weight.

    Example:
        >>> TrainingReport().steps
        0
    """

    loss: list[float] = field(default_factory=list)
    ranking: list[float] = field(default_factory=list)
    query_terms: list[float] = field(default_factory=list)
    document_terms: list[float] = field(default_factory=list)
    query_flops: list[float] = field(default_factory=list)
    document_flops: list[float] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.loss)

    def add(self, figures: Mapping[str, float]) -> None:
        """Note the figures of one more step.

        Example:
            >>> report = TrainingReport()
            >>> report.add({"loss": 0.5})
            >>> report.loss
            [0.5]
        """
        for name, value in figures.items():
            getattr(self, name).append(value)


@suggest_arguments
def train_splade(
    splade: Splade,
    examples: Sequence[Example],
    documents: Mapping[Id, str],
    *,
    loss: str | Mapping[str, float] = "contrastive",
    negatives: Literal["self"] | Searcher | None = None,
    negatives_per_query: int = 1,
    depth: int = 100,
    teacher: Teacher | None = None,
    flops_weight: tuple[float, float] | None = None,
    query_regulariser: Literal["flops", "l1"] = "flops",
    ramp: float = 1 / 3,
    epochs: int = 1,
    batch_size: int = 16,
    learning_rate: float = 2e-5,
    warmup: float = 0.04,
    learn_query_weights: bool = False,
    random_state: int = 0,
    progress: Progress | None = None,
) -> TrainingReport:
    """Train the models of ``splade`` in place, by gradient descent (AdamW), and say how it went.

    At each step t of T, for the rows q of the queries of a batch and d of its documents,

        ranking(q d^T) + r(t) ( lambda_q R(q) + lambda_d FLOPS(d) )

    goes down, with r(t) = min(1, t / (ramp T))^2. The learning rate rises for the first
    ``warmup`` of the steps and falls to zero by the last.

    Args:
        splade: the encoder; its query model is trained too, if it has one of its own.
        examples: queries with their answers, and what else is known of them.
        documents: texts by id, at least those that examples and searchers name.
        loss: a name of `likewise.encode.losses.LOSSES`, or {name: weight} for a sum.
            ``"contrastive"`` counts the other documents of the batch as negatives too.
        negatives: None takes those of the examples. A searcher (a function from a query to
            ids) finds them, once. ``"self"`` is the encoder itself, anew before each epoch; a
            query that finds nothing then has none in that epoch.
        negatives_per_query: how many of them a step draws at random for a query.
        depth: how many of a searcher's best are negatives.
        teacher: (query, ids) to scores, asked for what ``Example.teacher`` lacks and only
            once for a pair. For ``"margin_mse"`` and ``"kl"``.
        flops_weight: lambda of queries and of documents. They belong to the scale of the
            loss: 3e-4 and 1e-4 is what None means, for ``"contrastive"`` on real models; the
            published distillations took 0.5 and 0.4. The one of queries must be 0 where
            queries have no weights that are learned, and None takes 0 there.
        query_regulariser: R, ``"flops"`` or ``"l1"``.
        ramp: the part of all steps after which the regularisers count in full; 0 is at once.
        epochs: how often each example is used.
        batch_size: examples a step.
        learning_rate: the highest; 2e-5 for models that are trained already.
        warmup: the part of all steps in which it rises.
        learn_query_weights: with ``document_only``, learns ``query_weights`` too, from those
            there are or 1 each.
        random_state: the seed of the order, the draws and dropout.
        progress: called with (steps done, all steps). What it raises ends the training and
            reaches the caller; the models keep what they have learned so far.

    Returns:
        The figures of each step.

    Raises:
        InvalidType: not a Splade, not examples, a searcher that gives no ids.
        InvalidArgument: a loss or regulariser that is not known, a weight below zero, a
            document that is missing or without tokens, no negatives or no teacher's score where
            the loss needs them, what would be ignored, and a loss that is no longer finite
            (the step is not taken).

    Chance: the same seed gives the same bytes on one machine with one number of torch threads;
    torch adds up in another order with another number.

    Cost: three times an encoding of queries and documents at each step; with ``"self"`` an
    encoding of all documents before each epoch.

    Source: Formal and others, SIGIR 2021 and 2022; Lassance and Clinchant, SIGIR 2022.

    Example:
        >>> from likewise.testing.masked_lm import small_masked_lm
        >>> splade = Splade(*small_masked_lm(["cat", "kitten", "dog", "puppy"]))
        >>> documents = {1: "kitten", 2: "puppy"}
        >>> examples = [Example("cat", 1, [2]), Example("dog", 2, [1])]
        >>> report = train_splade(
        ...     splade, examples, documents, epochs=40, learning_rate=0.01
        ... )
        >>> report.steps, report.ranking[-1] < report.ranking[0]
        (40, True)
    """
    objective = _objective(splade, loss, flops_weight, query_regulariser, learn_query_weights)
    check_examples(examples)
    distils = any(name in DISTILLATION for name in objective.losses)
    if teacher is not None and not distils:
        raise InvalidArgument(
            f"teacher has no use for loss {loss!r}; leave it out, or distil by one of "
            f"{', '.join(DISTILLATION)}"
        )
    size, epochs = check_count("batch_size", batch_size), check_count("epochs", epochs)
    per_query = check_count("negatives_per_query", negatives_per_query, minimum=0)
    seed = check_count("random_state", random_state, minimum=0)
    total = epochs * -(-len(examples) // size)
    rising, ramping = _steps("warmup", warmup, total), _steps("ramp", ramp, total)
    highest = check_number("learning_rate", learning_rate)
    if highest <= 0:
        raise InvalidArgument(f"learning_rate must be above 0; got {learning_rate}")
    texts = TrainingTexts(splade, examples, documents, negatives, check_count("depth", depth))
    trainer = Trainer(splade, objective, Teaching(teacher), learn_query_weights)
    rng, report = np.random.default_rng(seed), TrainingReport()
    with trainer.training(seed):
        for epoch in range(epochs):
            ready = texts.examples(epoch)
            # What the encoder itself finds may be nothing, for a while: such a query then waits.
            if negatives != "self":
                _check_negatives(ready, texts.right, min(per_query, 1), size, distils)
            for batch in batches(ready, texts.right, size, per_query, rng):
                rate = highest * _rate(report.steps, total, rising)
                strength = quadratic_ramp(report.steps, ramping)
                report.add(trainer.step(batch, texts, rate, strength))
                if progress is not None:
                    progress(report.steps, total)
    return report


def _objective(
    splade: Any, loss: Any, flops_weight: Any, query_regulariser: Any, learned: bool
) -> Objective:
    if not isinstance(splade, Splade):
        raise InvalidType(f"splade must be a Splade; got {splade!r:.60}")
    if learned and not splade.document_only:
        raise InvalidArgument(
            "learn_query_weights is for document_only=True; here a model weighs the queries"
        )
    if query_regulariser not in REGULARISERS:
        raise InvalidArgument(
            f"query_regulariser must be one of {', '.join(REGULARISERS)}; got {query_regulariser!r}"
        )
    fixed = splade.document_only and not learned
    if flops_weight is None:
        flops_weight = (0.0 if fixed else FLOPS_WEIGHT[0], FLOPS_WEIGHT[1])
    if not isinstance(flops_weight, Sequence) or len(flops_weight) != 2:
        raise InvalidType(f"flops_weight must be (query, document); got {flops_weight!r}")
    query, document = (check_number("flops_weight", weight) for weight in flops_weight)
    if min(query, document) < 0:
        raise InvalidArgument(f"flops_weight must be at least 0; got {flops_weight!r}")
    if fixed and query:
        raise InvalidArgument(
            "the queries of document_only have fixed weights, which no regulariser changes: "
            f"flops_weight must be (0, {document:g}); or set learn_query_weights=True"
        )
    return Objective(_loss_weights(loss), query, document, REGULARISERS[query_regulariser])


def _loss_weights(loss: Any) -> dict[str, float]:
    named = {loss: 1.0} if isinstance(loss, str) else loss
    if not isinstance(named, Mapping) or not named:
        raise InvalidType(f"loss must be a name or {{name: weight}}; got {loss!r:.60}")
    for name, weight in named.items():
        if name not in LOSSES:
            raise InvalidArgument(f"loss must be one of {', '.join(LOSSES)}; got {name!r}")
        if check_number(f"the weight of loss {name!r}", weight) <= 0:
            raise InvalidArgument(f"the weight of loss {name!r} must be above 0; got {weight}")
    return {name: float(weight) for name, weight in named.items()}


def _steps(name: str, part: Any, total: int) -> int:
    share = check_number(name, part)
    if not 0 <= share <= 1:
        raise InvalidArgument(f"{name} must be a part of the steps, in [0, 1]; got {part}")
    return round(share * total)


def _rate(step: int, total: int, rising: int) -> float:
    """The learning rate at ``step`` as a part of the highest: up, then down in a line."""
    if step < rising:
        return (step + 1) / rising
    return (total - step) / (total - rising)


def _check_negatives(
    examples: Sequence[Example],
    right: Mapping[str, set[Id]],
    drawn: int,
    size: int,
    distils: bool,
) -> None:
    """Refuse examples that have nothing to be told apart from."""
    alone = len(right) == 1 or size == 1
    if not distils and not alone:
        return
    for row, example in enumerate(examples):
        if not drawn or not set(example.negatives) - right[example.query]:
            raise InvalidArgument(
                f"example {row} (query {example.query!r:.60}) has no negative, and "
                + ("distillation compares with one" if distils else "no other query has either")
                + ": give some in Example.negatives, or a searcher as negatives=, and "
                "negatives_per_query of at least 1"
            )
