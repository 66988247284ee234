"""`python -m benchmarks`: sees that the lab is found, also by children, and runs `run`."""

import sys

from benchmarks.lab_path import ensure_lab


def _start() -> int:
    if not ensure_lab("benchmarks"):
        return 1
    from benchmarks.run import main

    return main()


if __name__ == "__main__":
    sys.exit(_start())
