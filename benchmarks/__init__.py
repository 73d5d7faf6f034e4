"""Speed, as ratios measured in one run; asserts nothing.

`python -m benchmarks [rows] [loading] [environments] [step] [solve]`
"""
