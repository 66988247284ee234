"""A real Asterisk, Ringfence and its Valkey together on loopback addresses, as real processes.

Demo, tests and benchmarks stand on it. It knows nothing of what is played on it.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from demo.ringfence import HERE, Ringfence
from lab import Lab

if TYPE_CHECKING:
    from lab.shaken import Shaken

DIALPLAN = HERE / "dialplan" / "ringfence.conf"


class Stage:
    """`with Stage() as stage:` the lab and a state directory; Ringfence starts when it is told to.

    `globals` are the dialplan's, besides those that point at this lab's own addresses. With
    `shaken`, Ringfence trusts that authority and fetches from its server.
    """

    def __init__(
        self,
        *,
        globals: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        shaken: Shaken | None = None,
        **lab: Any,
    ) -> None:
        self._globals = dict(globals or {})
        self._environment = dict(environment or {})
        self._shaken = shaken
        self._lab_arguments = lab
        self._cleanup = contextlib.ExitStack()
        self.lab: Lab
        self.ringfence: Ringfence

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            # Short on purpose: a unix socket's path has at most 107 bytes.
            folder = Path(tempfile.mkdtemp(prefix="ringfence-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.lab = stack.enter_context(
                Lab(dialplan=DIALPLAN, shaken=self._shaken, **self._lab_arguments)
            )
            address = f"agi://{self.lab.asterisk_address}:4573/screen"
            self._globals = {"RINGFENCE_AGI": address, **self._globals}
            self.lab.reload_dialplan(globals=self._globals)
            environment = {**_trusting(self._shaken, folder), **self._environment}
            self.ringfence = Ringfence(self.lab, folder / "state", environment)
            stack.callback(self.ringfence.stop)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def set_globals(self, **globals: str) -> None:
        """Change the dialplan's globals, as an admin would in [globals]; the rest stays."""
        self.lab.reload_dialplan(globals={**self._globals, **globals})


def _trusting(shaken: Shaken | None, folder: Path) -> dict[str, str]:
    """The lab's authority in the place of the policy administrator's, its servers on loopback."""
    if shaken is None:
        return {}
    roots = folder / "roots.pem"
    roots.write_text(shaken.roots_pem)
    return {
        "RINGFENCE_ATTESTATION_ROOTS": str(roots),
        "RINGFENCE_ATTESTATION_TLS_CA": str(roots),
        "RINGFENCE_ATTESTATION_ALLOW_ADDRESSES": "127.0.0.0/8",
    }
