"""Intervals, tests and summaries. The independent units are the sequence and the training, never the question.

Interval recipes, all of 95 % unless another confidence is asked for; simulated coverage stands with each:

recipe                for                                      assumes                              covers
wilson                a fraction of independent trials         one question a sequence              .95
cluster_interval      one run, several questions a sequence    sequences are independent            .90 to .96
across_seeds          a mean over seeds on the same sequences  the same; seeds may solve or fail    .94 to 1.0
crossed_interval      the same, beyond the training length     seeds spread about normally          .90 to .97
paired_difference     two memories on the same sequences       the same; seeds are not paired       .94 to .99
over_seeds            one number or fraction a seed            seeds spread about normally (t)      as t does
bootstrap             the IQM, the half-life                   seeds stand for those not trained    .77 to .94
combine_intervals     a sum or slope of bounded estimates      these are independent                .92 to .99
inverted              a capacity: loads whose interval of      the curve falls between loads        .93 to .95
                      accuracy holds the threshold

`over_seeds` is `number_over_seeds` and `fraction_over_seeds`; a capacity is read off in `analysis.capacity`. The probe
adds two of its own, of one run: usable bits (normal) and a difference of paired answers (Bonett and Price 2012).
"""

from .bootstrap import iqm, iqm_interval
from .hypothesis_tests import (
    Difference,
    holm,
    least_p,
    paired_difference,
    seeds_to_show,
    signs_flipped,
    superiority,
    trainings_exchanged,
)
from .intervals import (
    CONFIDENCE,
    across_seeds,
    cluster_interval,
    combine_intervals,
    crossed_interval,
    fraction_over_seeds,
    fraction_solved,
    number_over_seeds,
    sequences_to_show,
    wilson,
)
from .length_curves import area, area_interval, effective_length, half_life, half_life_interval

__all__ = [
    "CONFIDENCE", "Difference", "across_seeds", "area", "area_interval", "cluster_interval", "combine_intervals",
    "crossed_interval", "effective_length", "fraction_over_seeds", "fraction_solved", "half_life",
    "half_life_interval", "holm", "iqm", "iqm_interval", "least_p", "number_over_seeds", "paired_difference",
    "seeds_to_show", "sequences_to_show", "signs_flipped", "superiority", "trainings_exchanged", "wilson",
]  # fmt: skip
