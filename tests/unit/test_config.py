"""What holds when settings come from a file, from the environment, from both, or wrongly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ringfence.config import Settings, SettingsRefused, load_settings


def load(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    file = tmp_path / "ringfence.toml"
    file.write_text(text)
    return load_settings(file, environ)


def refusal(tmp_path: Path, text: str = "", **environ: str) -> str:
    with pytest.raises(SettingsRefused) as caught:
        load(tmp_path, text, **environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_setting_the_agi_door_is_open_on_loopback(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert str(settings.agi_bind) == "127.0.0.1:4573"
    assert settings.redis.url == ""
    assert settings.screening.fail == "open"


def test_with_an_ari_url_alone_the_agi_door_stays_shut(tmp_path: Path) -> None:
    settings = load(tmp_path, '[ari]\nurl = "http://127.0.0.1:8088/ari"\npassword = "x"')
    assert settings.agi_bind is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://127.0.0.1:8088", "http://127.0.0.1:8088/ari"),
        ("http://127.0.0.1:8088/", "http://127.0.0.1:8088/ari"),
        ("https://[::1]:8089", "https://[::1]:8089/ari"),
        ("http://127.0.0.1:8088/ari", "http://127.0.0.1:8088/ari"),
        ("http://127.0.0.1:8088/asterisk/ari", "http://127.0.0.1:8088/asterisk/ari"),
        ("", ""),
    ],
)
def test_of_an_address_without_a_path_aris_own_is_meant(
    tmp_path: Path, written: str, meant: str
) -> None:
    assert load(tmp_path, RINGFENCE_ARI_URL=written, RINGFENCE_ARI_PASSWORD="x").ari.url == meant
    in_file = load(tmp_path, f'[ari]\nurl = "{written}"\npassword = "x"')
    assert in_file.ari.url == meant


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[agi]\nbind = "127.0.0.1:1"\n[calllog]\nmaxlen = 5000',
        RINGFENCE_AGI_BIND="127.0.0.1:2",
        RINGFENCE_SCREENING_MONITOR="true",
    )
    assert str(settings.agi_bind) == "127.0.0.1:2"
    assert settings.calllog.maxlen == 5000
    assert settings.screening.monitor is True


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, {"RINGFENCE_REDIS_URL": "redis://r:1/0"})
    assert settings.redis.url == "redis://r:1/0"


def test_the_named_file_goes_before_the_one_in_the_environment(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[unknown]\n")
    settings = load(tmp_path, '[state]\ndir = "/s"', RINGFENCE_CONFIG=str(other))
    assert settings.state.path == Path("/s")
    assert settings.file == tmp_path / "ringfence.toml"


def test_a_file_that_is_named_and_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"RINGFENCE_CONFIG: there is no file /nowhere\.toml"):
        load_settings(None, {"RINGFENCE_CONFIG": "/nowhere.toml"})


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    said = refusal(tmp_path, '[redis]\nulr = "x"')
    assert "redis.ulr" in said
    assert "did you mean redis.url?" in said


def test_an_unknown_section_is_named(tmp_path: Path) -> None:
    assert "did you mean redis?" in refusal(tmp_path, '[rediss]\nurl = "x"')


def test_an_unknown_environment_name_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    said = refusal(tmp_path, RINGFENCE_REDIS_ULR="x")
    assert "RINGFENCE_REDIS_ULR" in said
    assert "did you mean RINGFENCE_REDIS_URL?" in said


def test_names_of_the_lab_and_of_tests_are_none_of_our_business(tmp_path: Path) -> None:
    load(tmp_path, RINGFENCE_LAB_CACHE="x", RINGFENCE_TEST_REDIS_URL="y", PATH="z")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[redis", "no valid TOML"),
        ('[calllog]\nmaxlen = "many"', "calllog.maxlen"),
        ("[calllog]\nmaxlen = 3", "calllog.maxlen"),
        ('[screening]\nfail = "ajar"', "screening.fail"),
        ('[agi]\nbind = "4573"', "HOST:PORT"),
        ('[agi]\nbind = "127.0.0.1:99999"', "HOST:PORT"),
        ('[ari]\nurl = "127.0.0.1:8088"\npassword = "x"', "http://"),
        ('[ari]\nurl = "http://127.0.0.1:8088/ari"', "ari.password"),
        ("redis = 1", "unknown section"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    assert named in refusal(tmp_path, text)


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    settings = load(tmp_path, RINGFENCE_AMI_PASSWORD_FILE=str(secret))
    assert settings.ami.password == "s3cret"
    in_file = load(tmp_path, f'[ari]\npassword_file = "{secret}"')
    assert in_file.ari.password == "s3cret"
    assert "RINGFENCE_AMI_PASSWORD_FILE" in refusal(tmp_path, RINGFENCE_AMI_PASSWORD_FILE="/none")


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        RINGFENCE_REDIS_URL="redis://u:s3cret@h/0",
        RINGFENCE_ARI_PASSWORD="s3cret",
        RINGFENCE_AMI_PASSWORD="s3cret",
    )
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in refusal(tmp_path, "[ari]\npassword = 1", RINGFENCE_AMI_PASSWORD="s3cret")


def test_the_first_worker_has_the_applications_own_name(tmp_path: Path) -> None:
    ari = load(tmp_path).ari
    assert [ari.app_of(worker) for worker in (0, 1, 2)] == ["ringfence", "ringfence", "ringfence-2"]


def test_state_lives_where_such_things_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    expected = Path("/var/lib/ringfence") if os.geteuid() == 0 else tmp_path / "ringfence"
    assert load(tmp_path).state.path == expected
