"""Which feeds there are: what reads each, how large it may be, and what may be said of it."""

from __future__ import annotations

from typing import NamedTuple

from ringfence.feeds import (
    area_codes,
    complaints,
    number_files,
    office_codes,
    phoneblock,
    rmd,
)
from ringfence.feeds.model import DAY, Options
from ringfence.feeds.plan import Reader
from ringfence.feeds.refused import FeedRefused
from ringfence.rules.conditions.numbering_lists import NUMBERING_LISTS

HOUR = 3_600


class Kind(NamedTuple):
    """`least`: rows below which a file cannot be the whole. `renews`: a new import matters even
    where the file is the same, as what it brings runs out. `alone`: there is one such feed, which
    has the kind's name. `keeps`: it needs what it kept of the files before. `increments`: it can
    be asked for what has changed. `takes`: the options that mean anything."""

    name: str
    title: str
    read: Reader
    least: int = 1
    most_bytes: int = 200_000_000
    least_every: int = HOUR
    renews: bool = False
    alone: bool = False
    keeps: bool = False
    increments: bool = False
    takes: tuple[str, ...] = ()
    default_list: str = ""


_ALL = (
    Kind("ftc", "FTC Do Not Call complaints, a CSV file a day", complaints.plan_ftc, keeps=True),
    Kind("fcc", "FCC unwanted-call complaints, CSV or JSON", complaints.plan_fcc, least=100,
         most_bytes=8_000_000_000, least_every=6 * HOUR, keeps=True),
    Kind("rmd", "Robocall Mitigation Database, CSV", rmd.plan, least=1_000, alone=True,
         takes=("block_missing",)),
    Kind("npa", "NANPA area codes, npa_report.csv", area_codes.plan, least=300, alone=True,
         most_bytes=10_000_000, least_every=6 * HOUR),
    Kind("nxx", "NANPA central-office codes of the US, tab-separated", office_codes.plan,
         least=100_000, least_every=6 * HOUR, renews=True, alone=True),
    Kind("dno", "a do-not-originate file", number_files.plan, takes=("list", "column"),
         default_list=number_files.DNO_LIST, most_bytes=4_000_000_000),
    Kind("list", "a plain list of numbers", number_files.plan, takes=("list", "column"),
         most_bytes=4_000_000_000),
    Kind("phoneblock", "PhoneBlock's list, JSON", phoneblock.plan, least_every=DAY, renews=True,
         alone=True, keeps=True, increments=True, takes=("min_votes", "token_file"),
         default_list=phoneblock.LIST),
)  # fmt: skip
KINDS = {kind.name: kind for kind in _ALL}
_FILLED = ("complaints-", phoneblock.LIST)
_FLAGS = {"list": "--list", "column": "--column", "min_votes": "--min-votes",
          "token_file": "--token-file", "block_missing": "--block-missing"}  # fmt: skip


def kind_of(name: str) -> Kind:
    """The kind of this name."""
    if name not in KINDS:
        raise FeedRefused(f"no kind of feed {name[:40]!r}: there are {', '.join(KINDS)}")
    return KINDS[name]


def checked_options(kind: Kind, options: Options) -> Options:
    """`options` with the kind's own list. FeedRefused names what means nothing for this kind."""
    for field, flag in _FLAGS.items():
        if getattr(options, field) and field not in kind.takes:
            raise FeedRefused(f"{flag} means nothing for a feed of kind {kind.name}")
    refuse_filled(options.list)
    if kind.default_list and not options.list and "list" in kind.takes:
        return Options(list=kind.default_list, column=options.column)
    return options


def refuse_filled(name: str) -> None:
    """FeedRefused where a list is that of a feed of another kind."""
    if name in NUMBERING_LISTS or name.startswith(_FILLED):
        raise FeedRefused(f"list {name} is filled by a feed of another kind: name another")
