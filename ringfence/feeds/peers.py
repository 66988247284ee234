"""Our direct peers against the Robocall Mitigation Database (47 CFR 64.6305): who must alarm us,
and, where the admin asked for it, the rules that block them. Writes through the writer alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from ringfence.feeds.standing import Standing, rmd_standing
from ringfence.providers.model import Provider, decode_provider
from ringfence.providers.register import good, trunks_of
from ringfence.rules import Rule, decode_rule
from ringfence.rules.model import When
from ringfence.store.feeds import FeedReader
from ringfence.store.reader import Reader
from ringfence.store.writing.history import version_of
from ringfence.store.writing.scripting import WriteRefused
from ringfence.store.writing.writer import Writer
from ringfence.trunk import decode_trunk
from ringfence.verdict import Action, Basis

PRIORITY = 10
"""Before an admin's usual rules; what is to be let through all the same gets a lower one."""
BY = "feed rmd"
LONGEST_ID = 50
MOST_VALUES = 1_000


class Peer(NamedTuple):
    """A provider whose calls come to us directly, and its standing."""

    id: str
    provider: Provider
    trunks: tuple[str, ...]
    standing: Standing

    @property
    def alarm(self) -> str:
        """What an admin must know of it; "" where all is well."""
        if self.standing.word == "listed":
            return ""
        named = f"{self.id} ({self.provider.name})" if self.provider.name else self.id
        return f"{named} is {self.standing}"

    @property
    def is_out(self) -> bool:
        """Whether calls may not be accepted from it; not where nobody knows."""
        return self.standing.word in ("removed", "missing")


async def direct_peers(reader: Reader, feeds: FeedReader) -> list[Peer]:
    """All that send us calls directly, but for customers of whom no FRN or RMD number is known:
    those need be no providers."""
    trunks = good(await reader.trunks(), decode_trunk)
    providers = good(await reader.providers(), decode_provider)
    found = []
    for id, provider in sorted(providers.items()):
        theirs = trunks_of(id, trunks, providers)
        files = provider.frn or provider.rmd
        if not (theirs or provider.addresses) or provider.status == "ended":
            continue
        if provider.role == "customer" and not files:
            continue
        standing = await rmd_standing(feeds, provider.frn, provider.rmd)
        found.append(Peer(id, provider, theirs, standing))
    return found


def block_rules(peers: list[Peer], now: float) -> dict[str, Rule]:
    """The rules that block those who are out."""
    at, rules = datetime.fromtimestamp(now, UTC).replace(microsecond=0), {}
    for peer in peers:
        if not peer.is_out or len(peer.id) > LONGEST_ID:
            continue
        ways = {
            "trunks": When(trunk=peer.trunks[:MOST_VALUES]) if peer.trunks else None,
            "addresses": When(source_ip=peer.provider.addresses)
            if peer.provider.addresses
            else None,
        }
        for way, when in ways.items():
            if when is not None:
                id = f"rmd-{peer.id}-{way}"
                rules[id] = Rule(
                    action=Action.BLOCK, id=id, priority=PRIORITY, when=when, basis=Basis.RMD,
                    added_by=BY, added_at=at, note=f"{peer.alarm}; 47 CFR 64.6305",
                )  # fmt: skip
    return rules


async def enforce(reader: Reader, writer: Writer, peers: list[Peer], now: float) -> list[str]:
    """Have the rules that block who is out, and take back those of who is in again.

    What an admin has changed about such a rule, as by `rule disable`, stays. Says what was done.
    """
    done, wanted = [], block_rules(peers, now)
    done += [
        f"{peer.id} is not blocked: its id has more than {LONGEST_ID} letters, too many for a rule"
        for peer in peers
        if peer.is_out and len(peer.id) > LONGEST_ID
    ]
    there = {id: text for id, text in (await reader.rules()).items() if id.startswith("rmd-")}
    for id in [*wanted, *(id for id in there if id not in wanted)]:
        try:
            said = await _settle(writer, id, wanted.get(id), there.get(id))
        except WriteRefused as error:  # an admin was there first; the others do not wait for that
            said = f"is as it was: {error}"
        done += [f"rule {id} {said}"] if said else []
    return done


async def _settle(writer: Writer, id: str, rule: Rule | None, text: bytes | None) -> str:
    """Have one rule as it is wanted (None: not at all); what was done, "" for nothing."""
    if text is None:
        if rule is not None:
            await writer.set_rule(id, rule, only_new=True)
        return "blocks"
    old = _ours(id, text)
    if old is None:
        return ""
    if rule is None:
        await writer.remove_rule(id, expect=version_of(text))
        return "is gone"
    if old.when == rule.when:
        return ""
    changed = msgspec.structs.replace(old, when=rule.when, note=rule.note)
    await writer.set_rule(id, changed, expect=version_of(text))
    return "blocks other ways now"


def _ours(id: str, text: bytes) -> Rule | None:
    try:
        rule = decode_rule(id, text)
    except ValueError:
        return None
    return rule if rule.added_by == BY else None
