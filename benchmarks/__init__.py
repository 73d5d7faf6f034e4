"""Speed, as ratios measured in one run; asserts nothing.

`python -m benchmarks [rows] [loading] [environments] [step] [caching] [legs]`, and by name alone `lengths`, `prefill`
(of some: `--memories grm ssc`) and `solve`, which take minutes.
"""
