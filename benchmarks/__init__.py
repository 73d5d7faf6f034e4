"""Speed, as ratios measured in one run: `python -m benchmarks [rows] [step] [solve]`. Nothing here asserts."""
