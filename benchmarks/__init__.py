"""Speed, as ratios measured in one run; asserts nothing.

`python -m benchmarks [NAME ...]` prints the tables, `--write docs/speed.md` writes them into the page too. A module
with a `table()` is a benchmark; `lengths`, `prefill`, `runners` and `solve` take minutes and run by name or by `all`.
`journeys` counts the files that a piece of work enters, and runs by name alone.
"""
