"""Can Asterisk play what rules name, in their language? Changes nothing.

Asks ARI, or without ARI looks at Asterisk's files, where they are on this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import aiohttp

from ringfence.ami import Ami, AmiFailed
from ringfence.doctor.ari import Ari
from ringfence.doctor.finding import Finding, Findings, ok, warn
from ringfence.doctor.named import NamedSound, shown_rules
from ringfence.settings import Settings

PART = "prompts"
MOST = 50
ENGLISH = "en"
"""Asterisk's own last resort, whatever the language."""
SECONDS = 1.5
EXTENSIONS = frozenset(
    ("wav", "WAV", "wav49", "gsm", "ulaw", "ul", "mu", "ulw", "pcm", "alaw", "al", "alw", "g722",
     "g729", "sln", "sln16", "siren7", "siren14", "g723", "ilbc")
)  # fmt: skip
"""What Asterisk itself can read; whether its module is loaded, only ARI knows."""

Languages = Callable[[str], Awaitable[frozenset[str]]]
"""In which languages a sound is there; "" is a file that stands in no language's folder."""


async def examine_sounds(settings: Settings, named: Sequence[NamedSound]) -> Findings:
    """One finding for each sound and language, at most `MOST`."""
    if not named:
        return
    if settings.ari.url:
        ari = Ari(settings.ari)
        try:
            async for finding in _each(named, lambda sound: _by_ari(ari, sound), where="sounds/"):
                yield finding
        except (TimeoutError, aiohttp.ClientError, _Refused):
            yield _unseen(named, "ARI does not answer", "see the lines about ari")
        finally:
            await ari.close()
        return
    folder, why = await _folder(settings)
    if folder is None:
        yield _unseen(named, why, "listen, or look into its sounds folder, on Asterisk's own host")
        return

    async def by_files(sound: str) -> frozenset[str]:
        return languages_in(folder, sound)

    async for finding in _each(named, by_files, where=f"{folder}/"):
        yield finding


async def _each(named: Sequence[NamedSound], languages: Languages, *, where: str) -> Findings:
    for sound in named[:MOST]:
        yield judged(sound, await languages(sound.sound), where)
    if len(named) > MOST:
        yield warn(PART, f"{len(named) - MOST} more were not looked at", "ask for fewer sounds")


def judged(named: NamedSound, there: Iterable[str], where: str) -> Finding:
    """What a caller will hear of it. Asterisk looks in the language, in what stands before its last
    _, in no language's folder, and in English; `where` is what goes in front of a path."""
    there = frozenset(there)
    by = shown_rules(named.rules)
    wanted = _with_parents(named.language)
    if not there:
        path = f"{f'{wanted[0]}/' if wanted else _home(named.sound)}{named.sound}"
        return warn(
            PART,
            f"{named} is not among Asterisk's sounds: callers of {by} hear nothing of it",
            f"put it at {where}{path}.wav (8 kHz, mono, 16 bit), or as .gsm, .ulaw, .alaw, .g722",
        )
    if "" in there or there & set(wanted) or (ENGLISH in there and not wanted):
        return ok(PART, f"{named}, for {by}")
    shown, home = ", ".join(sorted(there)), f"{where}{_home(named.sound)}{named.sound}.wav"
    if not wanted:
        return warn(
            PART,
            f"{named} is there in {shown} only: who hears it depends on the trunk, in {by}",
            f"name a language in the rule, or put it at {home}",
        )
    instead = "in English" if ENGLISH in there else f"nothing, as it is there in {shown} only"
    return warn(
        PART,
        f"{named} is not there in that language: callers of {by} hear it {instead}",
        f"put it at {where}{wanted[0]}/{named.sound}.wav",
    )


def languages_in(folder: Path, sound: str) -> frozenset[str]:
    """The languages in which `sound` is in Asterisk's folder of sounds."""
    found = {path.name for path in folder.iterdir() if _is_there(path / sound)}
    return frozenset(found | {""} if _is_there(folder / sound) else found)


def _is_there(path: Path) -> bool:
    # a sound's name may hold dots itself
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return False
    return any(f"{path.name}.{extension}" in names for extension in EXTENSIONS)


def _home(sound: str) -> str:
    # ARI knows no sound that is in no folder
    return "" if "/" in sound else f"{ENGLISH}/"


def _with_parents(language: str) -> list[str]:
    parts = language.split("_") if language else []
    return ["_".join(parts[:end]) for end in range(len(parts), 0, -1)]


class _Refused(Exception):  # noqa: N818 - what happened, in the past
    """ARI does not let us in."""


async def _by_ari(ari: Ari, sound: str) -> frozenset[str]:
    found = set(await _indexed(ari, sound))
    # To Asterisk's index each folder is a language: sounds/custom/x is "x in the language custom".
    folder, _, rest = sound.partition("/")
    if rest and folder in await _indexed(ari, rest):
        found.add("")
    return frozenset(found)


async def _indexed(ari: Ari, sound: str) -> frozenset[str]:
    status, document = await ari.get(f"/sounds/{quote(sound, safe='')}")
    if status == 200 and isinstance(document, dict):
        return frozenset(str(each.get("language")) for each in document.get("formats", ()))
    if status == 404:
        return frozenset()
    raise _Refused(str(status))


async def _folder(settings: Settings) -> tuple[Path | None, str]:
    """Asterisk's folder of sounds if it is on this machine, else why not."""
    ami = settings.ami
    if not ami.host:
        return None, "neither ari.url nor ami.host is set"
    if not _is_here(ami.host):
        return None, "Asterisk is on another host"
    try:
        async with Ami(ami.host, ami.port, ami.username, ami.password, timeout=SECONDS) as asterisk:
            answer = await asterisk.action("Getvar", Variable="ASTDATADIR")
    except AmiFailed:
        return None, "AMI does not answer"
    folder = Path(str(answer.get("value", "")).strip() or "/nowhere") / "sounds"
    if not folder.is_dir():
        return None, f"{folder} is not to be seen from here: Asterisk may be in a container"
    return folder, ""


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unseen(named: Sequence[NamedSound], why: str, mend: str) -> Finding:
    what = ", ".join(str(each) for each in named[:5]) + (", …" if len(named) > 5 else "")
    return warn(PART, f"not checked, as {why}: {what}", mend)
