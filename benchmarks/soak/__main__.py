"""`python -m benchmarks.soak --minutes 5 --rate 20`: exit code 1 where anything was violated."""

import sys

from benchmarks.lab_path import ensure_lab


def _start() -> int:
    if not ensure_lab("benchmarks.soak"):
        return 1
    from benchmarks.soak.run import main

    return main()


if __name__ == "__main__":
    sys.exit(_start())
