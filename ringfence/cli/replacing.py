"""A file that a command writes: whole in its place, or not there; knows nothing of its contents."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ringfence.cli.refusals import Refused


@contextlib.contextmanager
def replacing(target: str | Path) -> Iterator[IO[bytes]]:
    """The file, in the place of the old one once it is complete; readable for its owner only, as
    customers' numbers may be in it. A pipe or a device is written to as it stands."""
    path = Path(target).resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as out:
                yield out
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".export-", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if path.exists():
                    Path(file.name).chmod(stat.S_IMODE(path.stat().st_mode))
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise  # no fault of the file's
        raise Refused(f"{target}: {error.strerror or error}") from None
