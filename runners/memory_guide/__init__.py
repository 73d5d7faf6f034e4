"""What the memories were seen to do: tables and figures of finished studies, and the page that shows them.

    make memories                      runs the three studies where they are not finished, then all below
    python -m runners.memory_guide runs        from finished studies: docs/memories/*.csv and *.png, then the page
    python -m runners.memory_guide.page        the page alone, from the registry and the tables, as `make docs` does

The tables are kept with the page, so that it can be written, and held to them, where no study was run.
"""
