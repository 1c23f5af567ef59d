"""Kernel machines in the place of a network, and who decided (Engel and others, ICLR 2024)."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.kernels import RBF, Kernel
from likewise.kernels.networks import EmpiricalNTK, KernelSurrogate, ProjectedNTK, faithfulness
from replications._digits import Digits, digits, flipped, mlp, probabilities, slope, trained
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

HIDDEN, FLIPPED = 64, 0.05
TRACE, LAST = "trace NTK", "last layer"


def run(setting: Setting) -> Outcome:
    rows, seeds, steps = (60, 1, 20) if setting.quick else (400, 3, 100)
    sizes = (16, 64) if setting.quick else (64, 256, 1024, 4096)
    lines: dict[str, list[list[float]]] = {}
    off: list[list[float]] = []
    for seed in range(setting.random_state, setting.random_state + seeds):
        data = digits(rows, rows, seed)
        module = trained(mlp((64, HIDDEN, 10), seed), data.X, data.y, steps)
        noisy, wrong = flipped(data.y, FLIPPED, np.random.default_rng([seed, 1]))
        fooled = trained(mlp((64, HIDDEN, 10), seed), data.X, noisy, steps)
        for name, kernel in kernels(module, data).items():
            found = [
                *surrogate(kernel, module, data),
                retrieved(kernels(fooled, data)[name], data, noisy, wrong),
            ]
            lines.setdefault(name, []).append(found)
        off.append(projected(module, data, sizes, seed))
        setting.progress.step(len(off), seeds, f"seed {seed}")
    figures = {name: np.mean(found, axis=0).tolist() for name, found in lines.items()}
    return judged(figures, sizes, np.mean(off, axis=0).tolist())


def kernels(module: Any, data: Digits) -> dict[str, Kernel]:
    """What may stand for the network."""
    return {
        TRACE: EmpiricalNTK(module, normalise=True),
        "pseudo-NTK": EmpiricalNTK(module, "sum", normalise=True),
        "trace NTK, projected to 512": ProjectedNTK(module, n_features=512, normalise=True),
        LAST: EmpiricalNTK(module, parameters=["2"], normalise=True),
        "RBF of pixels": RBF(length=float(np.sqrt(64 * data.X.var(axis=0).mean()))),
    }


def surrogate(kernel: Kernel, module: Any, data: Digits) -> list[float]:
    """Kendall's tau with the network on held-out rows, and how many points accuracy differs."""
    machine = KernelSurrogate(kernel, C=10.0).fit(data.X, data.y)
    ours, theirs = machine.predict_proba(data.Q), probabilities(module, data.Q)
    gap = 100 * abs((ours.argmax(1) == data.asked).mean() - (theirs.argmax(1) == data.asked).mean())
    return [faithfulness(ours, theirs, data.asked), gap]


def retrieved(kernel: Kernel, data: Digits, noisy: Any, wrong: Any) -> float:
    """Of as many suspects as there are wrong labels, the share that are."""
    support = KernelSurrogate(kernel, C=10.0).fit(data.X, noisy).label_support()
    return len(set(np.argsort(support)[: len(wrong)]) & set(wrong)) / len(wrong)


def projected(module: Any, data: Digits, sizes: Any, seed: int) -> list[float]:
    """Root mean squared errors of projected trace NTKs."""
    some = data.X[:100]
    exact = EmpiricalNTK(module, normalise=True)(some)
    return [
        float(
            np.sqrt(
                np.mean(
                    (
                        ProjectedNTK(module, n_features=k, random_state=seed, normalise=True)(some)
                        - exact
                    )
                    ** 2
                )
            )
        )
        for k in sizes
    ]


def judged(figures: dict[str, list[float]], sizes: Any, off: list[float]) -> Outcome:
    """The verdict by the rule."""
    tau, gap, found = figures[TRACE]
    others = {name: f[0] for name, f in figures.items() if name != TRACE}
    best = max(others, key=others.__getitem__)
    faithful, most = tau >= 0.7 and gap <= 2, others[best] <= tau + 0.01
    verdict = [Verdict.NOT_REPRODUCED, Verdict.PARTLY, Verdict.REPRODUCED][faithful + most]
    falls = slope(sizes, off)
    reason = (
        f"Kendall's tau of the trace NTK with the network is {tau:.2f} ({best}: "
        f"{others[best]:.2f}) and its accuracy {gap:.1f} points off; of the rows with planted "
        f"labels it finds {found:.0%}; projection errors fall with size to the power {falls:.2f}"
    )
    rows = [(n, f"{f[0]:.3f}", f"{f[1]:.2f}", f"{f[2]:.0%}") for n, f in figures.items()]
    return Outcome(
        verdict,
        reason,
        reason,
        [
            Table(
                "Logistic regression on each kernel beside the network, held-out digits",
                ("kernel", "Kendall's tau", "accuracy differs, points", "wrong labels found"),
                rows,
            ),
            Table(
                "Projected trace NTK: error against the exact one, whose diagonal is 1",
                ("numbers a gradient", "root mean squared error"),
                [(f"{k:,}", f"{e:.4f}") for k, e in zip(sizes, off, strict=True)],
            ),
        ],
        [
            f"Networks of {HIDDEN} hidden units with ReLU that know their 400 rows; the paper has "
            "networks from this kind to ResNet and BERT. tau is of the probabilities of the "
            "correct digit.",
            f"Wrong labels: {FLIPPED:.0%} of the rows, learnt by the network; suspects are the "
            "rows whose label the others speak for least.",
        ],
    )


REPLICATION = Replication(
    name="ntk_surrogate",
    paper=Paper(
        "Engel and others",
        2024,
        "Faithful and Efficient Explanations for Neural Networks via Neural Tangent Kernel "
        "Surrogate Models",
        "ICLR",
    ),
    claim="A kernel machine on the trace NTK is the most consistent surrogate of a network: it "
    "ranks rows as the network does and is as accurate within 1 to 2 points; projected gradients "
    "come near it; its attributions find poisoned rows.",
    rule="reproduced when Kendall's tau of the trace NTK is at least 0.7 with accuracies at most 2 "
    "points apart, and no other kernel's tau is more than 0.01 above it; partly when one of the "
    "two holds; else not; over three seeds",
    needs=(),
    run=run,
)
