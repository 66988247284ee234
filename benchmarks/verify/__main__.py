"""`python -m benchmarks.verify [ROUNDS]`: the table; with `--json` the results as JSON."""

import sys

from benchmarks.lab_path import ensure_lab


def _start() -> int:
    if not ensure_lab("benchmarks.verify"):
        return 1
    from benchmarks.verify.run import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_start())
