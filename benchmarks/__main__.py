"""`python -m benchmarks`: sees that the lab is found, also by children, and runs `run`."""

import importlib.util
import os
import sys
from pathlib import Path

DOCKER = Path(__file__).resolve().parent.parent / "docker"


def _start() -> int:
    if importlib.util.find_spec("lab") is None:
        if str(DOCKER) in os.environ.get("PYTHONPATH", "").split(os.pathsep):
            print(f"benchmarks: no lab in {DOCKER}: run from a whole checkout", file=sys.stderr)
            return 1
        paths = [str(DOCKER), str(DOCKER.parent), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]])
    from benchmarks.run import main

    return main()


if __name__ == "__main__":
    sys.exit(_start())
