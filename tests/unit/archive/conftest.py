"""A folder's day files, and a way to put records into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.archive.writing import DayFiles
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord
from tests.unit.archive.parts import Put, entry


@pytest.fixture
def files(tmp_path: Path) -> DayFiles:
    return DayFiles(tmp_path / "archive")


@pytest.fixture
def put(files: DayFiles) -> Put:
    """Archive records; the position counts batches."""
    done = 0

    def write(*records: CallRecord, fence: int = 1) -> int:
        nonlocal done
        done += 1
        files.progress()
        return files.write([entry(each) for each in records], StreamId(done, 0), fence)

    return write
