"""The page docs/memories.md: each memory in its own words, and what finished studies show of it.

    make memories                              trains the three studies where they are not finished, then all below
    python -m runners.memory_guide runs        from finished studies: docs/memories/*.csv and *.png, then the page
    python -m runners.memory_guide.page        the page alone, from the registry and the tables, as `make docs` does

The tables are in the repository, so that the page can be written, and held to them, where no study was run.
"""
