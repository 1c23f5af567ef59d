"""What to label next: base features, transforms and selections as n + m + p pieces."""

from likewise.learn.active._candidates import Candidates
from likewise.learn.active.bait import bait
from likewise.learn.active.features import FEATURES, last_layer_features, of_kernel
from likewise.learn.active.k_center import k_center
from likewise.learn.active.kmeans_plus_plus import kmeans_plus_plus
from likewise.learn.active.lcmd import lcmd
from likewise.learn.active.learner import ActiveLearner
from likewise.learn.active.selections import SELECTIONS, at_random
from likewise.learn.active.simulation import ERRORS, LabellingCurves, simulate_labelling
from likewise.learn.active.suggesting import suggest
from likewise.learn.active.transforms import TRANSFORMS, Posterior, RandomProjection, Scale
from likewise.learn.active.typicality import typicality
from likewise.learn.active.uncertainty import UNCERTAINTIES, entropy, least_confident, margin
from likewise.learn.active.variance import max_det, max_diag

__all__ = [
    "ERRORS",
    "FEATURES",
    "SELECTIONS",
    "TRANSFORMS",
    "UNCERTAINTIES",
    "ActiveLearner",
    "Candidates",
    "LabellingCurves",
    "Posterior",
    "RandomProjection",
    "Scale",
    "at_random",
    "bait",
    "entropy",
    "k_center",
    "kmeans_plus_plus",
    "last_layer_features",
    "lcmd",
    "least_confident",
    "margin",
    "max_det",
    "max_diag",
    "of_kernel",
    "simulate_labelling",
    "suggest",
    "typicality",
]
