"""How long calls are kept is a setting with a floor."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.config import SettingsRefused, load_settings


def test_calls_are_kept_for_400_days_unless_an_admin_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "ringfence.toml"
    file.touch()
    assert load_settings(file, {}).calllog.keep == 400
    assert load_settings(file, {"RINGFENCE_CALLLOG_KEEP": "28"}).calllog.keep == 28


def test_less_than_28_days_is_refused_as_a_subscriber_may_ask_for_those(tmp_path: Path) -> None:
    file = tmp_path / "ringfence.toml"
    file.write_text("[calllog]\nkeep = 27")
    with pytest.raises(SettingsRefused, match=r"calllog\.keep: .*>= 28"):
        load_settings(file, {})
