"""Asks Asterisk itself over AMI: version, modules, globals, dialplan. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from ringfence.ami import Ami, AmiFailed
from ringfence.doctor.dialplan import examine_include, examine_users
from ringfence.doctor.finding import Finding, Findings, fail, ok, warn
from ringfence.doctor.named import NamedPlace
from ringfence.doctor.places import examine_places
from ringfence.settings import Settings

PART = "asterisk"
SECONDS = 1.5
OLDEST = (18,)
# PJSIPHangup came with these: before, a rejection is 403 whatever its rule says
EXACT_CODES = {18: 21, 20: 6, 21: 1}
_BOTH = (
    "app_exec", "app_playback", "app_stack", "app_verbose", "chan_pjsip", "func_callerid",
    "func_channel", "func_dialplan", "func_logic", "func_strings", "func_timeout", "func_uri",
    "pbx_config", "res_pjsip_header_funcs",
)  # fmt: skip
_AGI = ("res_agi",)
_ARI = (
    "app_stasis", "res_ari", "res_ari_applications", "res_ari_channels", "res_ari_events",
    "res_http_websocket", "res_stasis_playback",
)  # fmt: skip
_GLOBALS = ("RINGFENCE_DOOR", "RINGFENCE_AGI", "RINGFENCE_APP", "RINGFENCE_DEADLINE",
            "RINGFENCE_FAIL", "RINGFENCE_BROADCAST")  # fmt: skip


async def examine_asterisk(
    settings: Settings, places: Callable[[], Awaitable[Sequence[NamedPlace]]]
) -> Findings:
    """All that AMI can tell; `places` gives those that rules divert to."""
    ami_settings = settings.ami
    try:
        async with Ami(
            ami_settings.host, ami_settings.port, ami_settings.username, ami_settings.password,
            timeout=SECONDS,
        ) as ami:  # fmt: skip
            core = await ami.action("CoreSettings")
            yield _version(str(core.get("asteriskversion", "")))
            values = {name: await _global(ami, name) for name in _GLOBALS}
            yield await _modules(ami, settings, values)
            for finding in await _dialplan(ami):
                yield finding
            for finding in examine_globals(values, settings):
                yield finding
            async for finding in examine_places(ami, await places()):
                yield finding
    except AmiFailed as error:
        yield fail("ami", str(error), "see manager.conf and [ami]; ringfence init writes both")


def _version(text: str) -> Finding:
    match = re.search(r"(\d+)\.(\d+)", text)
    if not match:
        return warn(PART, f"version {text or 'unknown'}", "Asterisk 18 to 22 is what was tried")
    major, minor = int(match[1]), int(match[2])
    shown = f"Asterisk {major}.{minor}"
    if (major,) < OLDEST:
        return fail(PART, shown, "Asterisk 18 or later is needed")
    if minor < EXACT_CODES.get(major, 0) or major == 19:
        return warn(PART, f"{shown} rejects with 403 whatever a rule says",
                    "18.21, 20.6, 21.1 and later send the rule's own SIP code")  # fmt: skip
    return ok(PART, shown)


async def _modules(ami: Ami, settings: Settings, values: dict[str, str]) -> Finding:
    wanted = [*_BOTH]
    if settings.agi_bind:
        wanted += _AGI
    if settings.ari.url:
        wanted += _ARI
    if values["RINGFENCE_BROADCAST"] == "yes":
        wanted.append("app_stasis_broadcast")
    missing = []
    for name in wanted:
        try:
            await ami.action("ModuleCheck", Module=name)
        except AmiFailed as error:
            if "not loaded" not in str(error):
                return warn("modules", str(error), "write = system,reporting in manager.conf")
            missing.append(name)
    if missing:
        return fail(
            "modules",
            f"not loaded: {', '.join(missing)}",
            "; ".join(f"module load {name}.so" for name in missing[:4]) + "; see modules.conf",
        )
    return ok("modules", f"all {len(wanted)} that are needed are loaded")


async def _global(ami: Ami, name: str) -> str:
    return str((await ami.action("Getvar", Variable=name)).get("value", "")).strip()


async def _dialplan(ami: Ami) -> list[Finding]:
    try:
        findings = examine_include(await ami.listing("ShowDialPlan", Context="ringfence"))
    except AmiFailed as error:
        if "Did not find" not in str(error):
            return [warn("dialplan", str(error), "write = system,reporting in manager.conf")]
        return examine_include([])
    return [*findings, examine_users(await ami.listing("ShowDialPlan"))]


def examine_globals(values: dict[str, str], settings: Settings) -> list[Finding]:
    """Do the dialplan's globals make sense, and do they go with our settings?"""
    part, findings = "globals", []
    door = values["RINGFENCE_DOOR"] or "agi"
    if door not in ("agi", "ari"):
        findings.append(fail(part, f"RINGFENCE_DOOR is {door!r}", "agi or ari"))
    if door == "ari" and not settings.ari.url:
        findings.append(fail(part, "RINGFENCE_DOOR is ari, but ari.url is not set", "set ari.url"))
    if door == "agi":
        findings += _agi_global(values["RINGFENCE_AGI"], settings)
    if door == "ari" and (values["RINGFENCE_APP"] or "ringfence") != settings.ari.app:
        findings.append(fail(part, f"RINGFENCE_APP is {values['RINGFENCE_APP']!r}, but ari.app is "
                             f"{settings.ari.app!r}", "make both the same"))  # fmt: skip
    findings += _deadline(values["RINGFENCE_DEADLINE"], settings)
    if values["RINGFENCE_FAIL"] not in ("", "open", "closed"):
        shown = values["RINGFENCE_FAIL"]
        findings.append(fail(part, f"RINGFENCE_FAIL is {shown!r}, which means open",
                             "open or closed"))  # fmt: skip
    return findings or [ok(part, f"door {door}, deadline "
                           f"{values['RINGFENCE_DEADLINE'] or '0.25'} s")]  # fmt: skip


def _agi_global(text: str, settings: Settings) -> list[Finding]:
    bind = settings.agi_bind
    if bind is None:
        return [fail("globals", "RINGFENCE_DOOR is agi, but no FastAGI door is configured",
                     "set agi.bind, or RINGFENCE_DOOR = ari")]  # fmt: skip
    match = re.fullmatch(r"agi://[^/:\[]+(?::(\d+))?/screen", text or "agi://127.0.0.1:4573/screen")
    if not match:
        return [fail("globals", f"RINGFENCE_AGI is {text!r}", "agi://HOST:PORT/screen")]
    if int(match[1] or 4573) != bind.port:
        return [fail("globals", f"RINGFENCE_AGI asks port {match[1] or 4573}, but agi.bind is "
                     f"{bind}", f"RINGFENCE_AGI = agi://{bind}/screen in [globals]")]  # fmt: skip
    return []


def _deadline(text: str, settings: Settings) -> list[Finding]:
    try:
        seconds = float(text or "0.25")
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:
        return [fail("globals", f"RINGFENCE_DEADLINE is {text!r}", "seconds, such as 0.25")]
    if not 0.05 <= seconds <= 2:
        return [warn("globals", f"RINGFENCE_DEADLINE is {seconds} s",
                     "0.25 is enough; callers wait for it when Ringfence is away")]  # fmt: skip
    if settings.ari.url and seconds != settings.ari.deadline:
        return [warn("globals", f"RINGFENCE_DEADLINE is {seconds} s, ari.deadline "
                     f"{settings.ari.deadline} s", "make both the same")]  # fmt: skip
    if settings.attestation.roots and settings.attestation.wait > seconds / 2:
        return [warn("globals", f"RINGFENCE_DEADLINE is {seconds} s, and of it a call may wait "
                     f"attestation.wait, {settings.attestation.wait:g} s, for a certificate: with "
                     "one that never comes any caller goes on unscreened",
                     "make attestation.wait no more than half of the deadline")]  # fmt: skip
    return []
