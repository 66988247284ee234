"""Sees that the lab is found, by this process and its children; must not know what they do."""

import importlib.util
import os
import sys
from pathlib import Path

DOCKER = Path(__file__).resolve().parent.parent / "docker"


def ensure_lab(module: str) -> bool:
    """True where the lab can be imported; else `python -m module` begins anew with its path.

    False where this is no whole checkout.
    """
    if importlib.util.find_spec("lab") is not None:
        return True
    if str(DOCKER) in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        print(f"{module}: no lab in {DOCKER}: run from a whole checkout", file=sys.stderr)
        return False
    paths = [str(DOCKER), str(DOCKER.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])
    raise AssertionError("execv does not return")
