"""Settings are checked once, and say what to mend in one line."""

import pytest

from ari_app import AriSettings


def test_the_password_is_never_shown() -> None:
    settings = AriSettings(password="s3cret")
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)


def test_each_worker_has_an_application_of_its_own() -> None:
    assert AriSettings(app="ringfence").app_name == "ringfence"
    assert AriSettings(app="ringfence", worker=3).app_name == "ringfence-3"


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"url": "127.0.0.1:8088"}, "ari.url"),
        ({"url": "http://user:pass@host/ari"}, "ari.url"),
        ({"url": "http://host/ari?app=x"}, "ari.url"),
        ({"app": "two,names"}, "ari.app"),
        ({"app": ""}, "ari.app"),
        ({"rest": "carrier pigeon"}, "ari.rest"),
        ({"worker": 0}, "ari.worker"),
        ({"connections": 0}, "ari.connections"),
        ({"deadline": 0}, "ari.deadline"),
        ({"heartbeat": float("nan")}, "ari.heartbeat"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(wrong: dict[str, object], names: str) -> None:
    with pytest.raises(ValueError, match=names) as refused:
        AriSettings(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
