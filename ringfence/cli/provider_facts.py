"""Gathers what there is about a provider: notices, trunks, rules, calls. Shows nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from ringfence.archive import CallSearch, archive_of
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord
from ringfence.cli.calls_export import tell_left_out
from ringfence.cli.provider_views import Glance
from ringfence.cli.session import Store
from ringfence.config import Settings
from ringfence.feeds.standing import rmd_standing
from ringfence.providers.model import Provider, decode_provider
from ringfence.providers.notice import Notice, decode_notice
from ringfence.providers.register import Disputed, disputed, good, trunks_of
from ringfence.providers.traffic import Tally, Whose
from ringfence.rules import Rule, decode_rule
from ringfence.rules.model import values_of
from ringfence.store.feeds import FeedReader
from ringfence.trunk import Trunk, decode_trunk

DAY = timedelta(days=1)


class Register(NamedTuple):
    """The good entries of what providers have to do with, as they stand in Redis."""

    providers: dict[str, Provider]
    trunks: dict[str, Trunk]
    notices: dict[str, Notice]

    def trunks_of(self, id: str) -> tuple[str, ...]:
        """All trunks of one provider."""
        return trunks_of(id, self.trunks, self.providers)

    def disputed(self, id: str) -> dict[str, Disputed]:
        """Trunks that a provider lists and that are another's."""
        return disputed(id, self.trunks, self.providers)

    def whose(self, id: str) -> Whose | None:
        """By what a provider's calls are known; None where there is no such provider."""
        provider = self.providers.get(id)
        return Whose(id, provider, self.trunks_of(id)) if provider else None


async def read_register(store: Store) -> Register:
    """All of it."""
    reader = store.reader
    return Register(
        good(await reader.providers(), decode_provider),
        good(await reader.trunks(), decode_trunk),
        good(await reader.notices(), decode_notice),
    )


async def calls_since(
    store: Store, settings: Settings, since: datetime
) -> AsyncIterator[CallRecord]:
    """Records of calls since then, newest first, those that are archived too. What of them could
    not be read is said on stderr: fewer calls would pass for all."""
    search = CallSearch(store.redis, store.keys, archive_of(settings))
    async for record in search.newest(CallFilter(since=since.timestamp()), limit=None):
        yield record
    tell_left_out(search)


async def glance_at(
    store: Store, settings: Settings, register: Register, id: str, now: datetime
) -> Glance:
    """What there is about one provider."""
    provider = register.providers.get(id, Provider())
    trunks = register.trunks_of(id)
    whose, direct, signed = Whose(id, provider, trunks), Tally(), Tally()
    async for record in calls_since(store, settings, now - DAY):
        if whose.is_direct(record):
            direct.add(record, direct=True)
        elif whose.is_signed(record):
            signed.add(record, direct=False)
    rules = good(await store.reader.rules(), decode_rule)
    standing = await rmd_standing(FeedReader(store.redis, store.keys), provider.frn, provider.rmd)
    return Glance(
        trunks,
        register.disputed(id),
        {
            name: notice
            for name, notice in register.notices.items()
            if notice.provider == id and notice.is_open
        },
        [name for name, rule in rules.items() if names(rule, id, provider, trunks)],
        direct,
        signed,
        str(standing),
    )


def names(rule: Rule, id: str, provider: Provider, trunks: tuple[str, ...]) -> bool:
    """Whether a rule is about this provider: names it, or a trunk, address or signer of it."""
    when = rule.when
    signers = {each.upper() for each in provider.signers}
    networks = [ip_network(each) for each in provider.addresses]

    def wanted(values: tuple[str, ...]) -> list[str]:
        return [value for value in values if not value.startswith("!")]

    return (
        any(fnmatchcase(id, value) for value in wanted(values_of(when.provider)))
        or any(fnmatchcase(t, value) for value in wanted(values_of(when.trunk)) for t in trunks)
        or any(value.upper() in signers for value in wanted(values_of(when.signer)))
        or any(_overlap(value, networks) for value in wanted(values_of(when.source_ip)))
    )


def _overlap(text: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        network = ip_network(text)
    except ValueError:
        return False
    # networks of two families overlap nowhere, which `overlaps` refuses to say
    return any(
        each.network_address in network or network.network_address in each for each in networks
    )
