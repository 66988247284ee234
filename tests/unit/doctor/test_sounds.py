"""What the doctor says of a sound that rules name, by where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.doctor.finding import Finding, State
from ringfence.doctor.named import NamedPlace, NamedSound, places_of, shown_rules, sounds_of
from ringfence.doctor.places import unseen_places
from ringfence.doctor.sounds import examine_sounds, judged, languages_in
from ringfence.rules import Rule, decode_rule
from ringfence.settings import AmiSection, Settings


def rules(**respond: str) -> list[Rule]:
    split = {name: text.split(" ", 1) for name, text in respond.items()}
    return [
        decode_rule(name, f'{{"action": "{action}", "respond": {more}}}')
        for name, (action, more) in split.items()
    ]


def test_sounds_are_named_with_their_language_and_all_their_rules() -> None:
    found = sounds_of(
        rules(
            a='intercept {"prompt": ["custom/x", "custom/y", "custom/x"], "language": "es"}',
            b='intercept {"prompt": "custom/x", "language": "es"}',
            c="intercept {}",
            d='block {"prompt": "never-played"}',
            e="challenge {}",
        )
    )
    assert NamedSound("custom/x", "es", ("a", "b")) in found
    assert NamedSound("custom/y", "es", ("a",)) in found
    assert NamedSound("ss-noservice", "", ("c",)) in found
    assert NamedSound("digits/2", "", ("e",)) in found
    assert "never-played" not in {each.sound for each in found}


def test_places_are_those_of_diverts_and_of_announcements_that_divert() -> None:
    found = places_of(
        rules(
            a='divert {"context": "desk"}',
            b='intercept {"then": "divert", "context": "desk", "extension": "1"}',
            c='intercept {"context": "unused"}',
        )
    )
    assert found == [NamedPlace("desk", "", ("a",)), NamedPlace("desk", "1", ("b",))]


def test_of_many_rules_the_first_are_named() -> None:
    assert shown_rules(("a",)) == "rule a"
    assert shown_rules(tuple("abcde")) == "rules a, b, c and 2 more"


def told(sound: str, language: str, *there: str) -> Finding:
    return judged(NamedSound(sound, language, ("r1",)), there, "sounds/")


@pytest.mark.parametrize(
    ("language", "there", "state"),
    [
        ("", (), State.WARN),
        ("", ("",), State.OK),
        ("", ("en",), State.OK),
        ("", ("es",), State.WARN),
        ("es", ("es",), State.OK),
        ("es_MX", ("es",), State.OK),
        ("es", ("es_MX",), State.WARN),
        ("es", ("",), State.OK),
        ("es", ("en",), State.WARN),
        ("en", ("en",), State.OK),
        ("es", ("fr",), State.WARN),
    ],
)
def test_a_sound_is_looked_for_where_asterisk_looks(
    language: str, there: tuple[str, ...], state: State
) -> None:
    assert told("custom/x", language, *there).state is state


def test_a_sound_that_is_missing_is_told_with_its_rule_and_where_to_put_it() -> None:
    finding = told("custom/x", "es")
    assert "custom/x (es)" in finding.what
    assert "rule r1" in finding.what
    assert "sounds/es/custom/x.wav (8 kHz, mono, 16 bit)" in finding.mend
    assert "sounds/custom/x.wav" in told("custom/x", "").mend
    # ARI's index has only what is in a folder
    assert "sounds/en/x.wav" in told("x", "").mend
    assert "in English" in told("custom/x", "es", "en").what


def test_files_are_found_by_language_and_in_none(tmp_path: Path) -> None:
    for name in ("es/custom/x.wav", "custom/x.gsm", "custom/y.z.ulaw", "en/x.mp3", "x.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert languages_in(tmp_path, "custom/x") == {"", "es"}
    assert languages_in(tmp_path, "custom/y.z") == {""}
    assert languages_in(tmp_path, "custom/y") == frozenset()
    assert languages_in(tmp_path, "x") == {"", "custom"}
    assert languages_in(tmp_path, "../secret") == frozenset()


async def test_what_cannot_be_seen_from_here_is_said_not_guessed() -> None:
    named = [NamedSound("custom/x", "", ("r1",))]
    away = Settings(ami=AmiSection(host="192.0.2.7"))
    (finding,) = [each async for each in examine_sounds(away, named)]
    assert finding.state is State.WARN
    assert "not checked, as Asterisk is on another host: custom/x" in finding.what
    (finding,) = [each async for each in examine_sounds(Settings(), named)]
    assert "neither ari.url nor ami.host is set" in finding.what
    assert [each async for each in examine_sounds(Settings(), [])] == []
    (finding,) = unseen_places([NamedPlace("desk", "", ("r1",))])
    assert "desk" in finding.what
