"""The `recall` command: `recall --help`, or `python -m runners --help`."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
