"""Owns how Asterisk's configuration files are written; it must not start anything."""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.slots import Slot
from lab.trunks import STANDARD, Trunk, render, set_var_lines

TEMPLATES = Path(__file__).parent / "etc"
# Asterisk warns about each of these when it is missing, although it may be empty.
EMPTY = (
    "acl.conf", "ccss.conf", "cdr.conf", "cel.conf", "cli_aliases.conf", "cli_permissions.conf",
    "codecs.conf", "dnsmgr.conf", "dsp.conf", "enum.conf", "features.conf", "geolocation.conf",
    "pjproject.conf", "pjsip_notify.conf", "say.conf",
    "sorcery.conf", "statsd.conf", "udptl.conf",
    "websocket_client.conf", "extconfig.conf", "res_curl.conf",
)  # fmt: skip

_FIXED = (
    "asterisk", "logger", "http", "ari", "manager", "rtp", "indications", "musiconhold",
    "stir_shaken", "stasis",
)  # fmt: skip

# For calls that are signed. The certificates' server is on loopback, where a provider's own
# Asterisk would rightly fetch nothing from. SIP's Date header is optional and few carriers send it.
_VERIFYING = """\
[{name}]
type = profile
endpoint_behavior = verify
failure_action = {failure}
ca_file = {signers}
x5u_deny = 0.0.0.0/0
x5u_permit = 127.0.0.0/8
relax_x5u_port_scheme_restrictions = {relaxed}
ignore_sip_date_header = yes

"""
# One leaves it to the dialplan what to do and takes any x5u; the other refuses calls by itself.
_PROFILES = {"verify": ("continue", "yes"), "refuse": ("reject_request", "no")}

_SCREENED = """\
[{context}]
; one call may choose its door
exten => _[+0-9].,1,ExecIf($["${{PJSIP_HEADER(read,X-Lab-Door)}}" != ""]?\
Set(RINGFENCE_DOOR=${{PJSIP_HEADER(read,X-Lab-Door)}}))
{screen} same => n,Goto(callee,${{EXTEN}},1)
"""
_SCREEN = " same => n,Gosub(ringfence,screen,1(${EXTEN}))\n"


class _Template(string.Template):
    # Asterisk's own text is full of ${...}.
    delimiter = "@@"


@dataclass(slots=True)
class Settings:
    """What a caller of the lab may choose."""

    dialplan: Path | None = None
    globals: Mapping[str, str] = field(default_factory=dict)
    extra_dialplan: str = ""
    extra_pjsip: str = ""
    extra_modules: Iterable[str] = ()
    set_var: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    trunks: tuple[Trunk, ...] = STANDARD
    signer_roots: str = ""  # PEM: the authorities whose signers Asterisk believes
    files: Mapping[str, str] = field(default_factory=dict)
    verbose: int = 3  # 0 for a load run: Asterisk then writes no line per step of the dialplan


def write_all(
    settings: Settings, slot: Slot, inside: str, etc: Path, module_dir: str, password: str
) -> None:
    """Write every file; `inside` is the lab's folder as Asterisk sees it, `etc` as we do."""
    asterisk = slot.address(1)
    for name in EMPTY:
        _write(etc / name, (TEMPLATES / "empty.conf").read_text())
    values = {
        "home": inside, "name": f"lab-{slot.number}", "modules": module_dir, "asterisk": asterisk,
        "username": "lab", "password": password, "verbose": str(settings.verbose),
        "verifying": "",
    }  # fmt: skip
    if settings.signer_roots:
        _write(etc / "signers.pem", settings.signer_roots)
        values["verifying"] = "".join(
            _VERIFYING.format(
                name=name, failure=failure, relaxed=relaxed, signers=f"{inside}/etc/signers.pem"
            )
            for name, (failure, relaxed) in _PROFILES.items()
        )
    for name in _FIXED:
        _write(etc / f"{name}.conf", _filled(f"{name}.conf", values))
    loads = "\n".join(f"load = {name}" for name in settings.extra_modules)
    _write(etc / "modules.conf", _filled("modules.conf", {"extra": loads}))
    _write(etc / "pjsip.conf", _pjsip(settings, slot))
    write_dialplan(settings, etc)
    for name, text in settings.files.items():
        _write(etc / name, text)


def write_dialplan(settings: Settings, etc: Path) -> None:
    """Write extensions.conf and, beside it, the dialplan under test."""
    there = settings.dialplan is not None and settings.dialplan.exists()
    if settings.dialplan is not None and there:
        _write(etc / "ringfence.conf", settings.dialplan.read_text())
    contexts = sorted({trunk.context for trunk in STANDARD})
    values = {
        "globals": "\n".join(_global(*item) for item in settings.globals.items()),
        "include": "#include ringfence.conf" if there else "; no dialplan to screen with yet",
        "screened_contexts": "\n".join(
            _SCREENED.format(context=context, screen=_SCREEN if there else "")
            for context in contexts
        ),
        "extra": settings.extra_dialplan,
    }
    _write(etc / "extensions.conf", _filled("extensions.conf", values))


def _global(name: str, value: str) -> str:
    if "\n" in name + value:
        raise LabError(f"global {name!r} holds a newline: a dialplan global is one line")
    return f"{name} = {value.replace(';', chr(92) + ';')}"  # a bare ; begins a comment


def _pjsip(settings: Settings, slot: Slot) -> str:
    asterisk = slot.address(1)
    sections = [
        render(trunk, asterisk, slot.address(trunk.host), settings.set_var.get(trunk.name))
        for trunk in settings.trunks
    ]
    values = {
        "asterisk": asterisk,
        "callee": slot.address(10),
        "trunks": "\n".join(sections),
        "callee_set_var": "\n".join(set_var_lines(settings.set_var.get("callee", {}))),
        "extra": settings.extra_pjsip,
    }
    return _filled("pjsip.conf", values)


def _filled(name: str, values: Mapping[str, str]) -> str:
    return _Template((TEMPLATES / name).read_text()).substitute(values)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
