"""Intervals, tests and summaries. What is independent is the row and the training, never the question.

shares      of independent trials: Wilson; how many seeds solved
rows        one run, whose rows ask several questions
seeds       the mean over seeds that were tested on the same rows (`crossed`: how uncertain it is)
pairs       two memories on the same rows (`exact`: tests without assumptions, Holm)
iqm         the mean of the middle half of seeds and tasks
horizon     a curve over length in one number
bootstrap   for what has no formula
"""

from .bootstrap import RESAMPLES, cluster_bootstrap, percentiles, seeds_bootstrap, stratified
from .exact import holm, least_p, seeds_to_show, signs_flipped, superiority, trainings_exchanged
from .horizon import area, area_interval, effective_length, half_life, half_life_interval
from .iqm import iqm, iqm_interval
from .pairs import Difference, paired_difference
from .rows import cluster_interval
from .seeds import across_seeds
from .shares import share_solved, wilson

__all__ = [
    "RESAMPLES",
    "Difference",
    "across_seeds",
    "area",
    "area_interval",
    "cluster_bootstrap",
    "cluster_interval",
    "effective_length",
    "half_life",
    "half_life_interval",
    "holm",
    "iqm",
    "iqm_interval",
    "least_p",
    "paired_difference",
    "percentiles",
    "seeds_bootstrap",
    "seeds_to_show",
    "share_solved",
    "signs_flipped",
    "stratified",
    "superiority",
    "trainings_exchanged",
    "wilson",
]
