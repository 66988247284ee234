"""The settings say where the archive is, and never show a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.archive import archive_of
from ringfence.archive.place import DayFolder, oldest_day
from ringfence.calllog.query import StreamId
from ringfence.config import load_settings
from ringfence.settings import Settings, SettingsRefused
from tests.unit.archive.parts import NOON, entry, record

URL = "postgresql://ringfence:s3cret@db.example/calls"


def settings(tmp_path: Path, **environ: str) -> Settings:
    config = tmp_path / "none.toml"
    config.touch()
    return load_settings(config, {"RINGFENCE_STATE_DIR": str(tmp_path), **environ})


def test_without_a_setting_it_is_a_folder_of_the_state(tmp_path: Path) -> None:
    place = archive_of(settings(tmp_path))
    assert isinstance(place, DayFolder)
    assert place.shown == str(tmp_path / "archive")


def test_a_postgresql_url_leads_to_a_server_and_its_password_is_shown_nowhere(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "url"
    secret.write_text(URL + "\n")
    for environ in (
        {"RINGFENCE_CALLLOG_ARCHIVE": URL},
        {"RINGFENCE_CALLLOG_ARCHIVE_FILE": str(secret)},
    ):
        found = settings(tmp_path, **environ)
        assert found.calllog.archive == URL
        assert archive_of(found).shown == "postgresql://ringfence@db.example/calls"
        assert "s3cret" not in repr(found)


@pytest.mark.parametrize("wrong", ["mysql://u:s3cret@h/x", "/var/lib/calls", "s3cret"])
def test_what_is_no_such_url_stops_the_start(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingsRefused, match="postgresql://USER@HOST/DATABASE") as caught:
        settings(tmp_path, RINGFENCE_CALLLOG_ARCHIVE=wrong)
    assert "s3cret" not in str(caught.value)


async def test_the_first_day_is_known_where_there_is_any(tmp_path: Path) -> None:
    place = DayFolder(tmp_path)
    assert await oldest_day(place) is None
    writer = place.writer()
    writer.progress()
    writer.write([entry(record(1))], StreamId(1, 0), 1)
    writer.close()
    assert await oldest_day(place) == NOON.date()
    assert place.holding().size > 0
