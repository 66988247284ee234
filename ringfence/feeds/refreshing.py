"""Refreshes one feed from its address: what is new is downloaded and brought in.

Knows what is asked for (all of it, what has changed since, a file for each day); how a file is
fetched and what is done with it, others know.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from ringfence.feeds import phoneblock
from ringfence.feeds.address import DATE, shown
from ringfence.feeds.download import Downloader
from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import Kind
from ringfence.feeds.model import FeedState, Options
from ringfence.feeds.outcome import Brought
from ringfence.feeds.refused import FeedRefused, NotThere, Removed

DAYS_BACK = 10
SATURDAY = 5


class Refreshed(NamedTuple):
    """The files that were new, and how many were as before or not there."""

    brought: list[Brought]
    as_before: int
    not_there: int


class Refresher:
    """Refreshes with an importer and a downloader."""

    def __init__(
        self, importer: Importer, downloader: Downloader, clock: Callable[[], float] = time.time
    ) -> None:
        self._importer = importer
        self._downloader = downloader
        self._clock = clock

    async def refresh(
        self,
        name: str,
        kind: Kind,
        url: str,
        options: Options,
        *,
        accept_fewer: bool = False,
        dry_run: bool = False,
    ) -> Refreshed:
        """Bring in what is new. FeedRefused where anything was refused, and that is kept, too."""
        state = await self._importer.state_of(name, kind)
        was_there = await self._importer.is_known(name)
        brought: list[Brought] = []
        refused: list[FeedRefused] = []
        as_before = not_there = 0
        urls = self._urls(url)
        for each, place in urls.items():
            try:
                found = await self._one(
                    name, kind, each, place, options, state, accept_fewer=accept_fewer,
                    dry_run=dry_run, was_there=was_there,
                )  # fmt: skip
                was_there = was_there or not dry_run
            except Removed:
                raise
            except FeedRefused as error:
                # Of files a day some are never there, and one bad day must not cost the others.
                if isinstance(error, NotThere) and not_there < len(urls) - 1:
                    not_there += 1
                else:
                    refused.append(error)
                continue
            if found is None:
                as_before += 1
            else:
                brought.append(found)
        if was_there and not dry_run and not await self._importer.is_known(name):
            raise Removed(f"feed {name} was removed meanwhile")
        if refused:
            if not dry_run:
                await self._importer.failed(name, kind, str(refused[-1]))
            raise refused[-1]
        if not brought and not dry_run:
            await self._importer.confirmed(name, kind, options)
        return Refreshed(brought, as_before, not_there)

    def _urls(self, url: str) -> dict[str, str]:
        """What is to be fetched, and what each is called: a day's file by its day."""
        if DATE not in url:
            return {url: shown(url)}
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        days = [today - timedelta(days=back) for back in range(DAYS_BACK, -1, -1)]
        urls = {url.replace(DATE, str(day)): str(day) for day in days if _is_weekday(day)}
        # what is shown has no query, where the day may be
        return {
            each: shown(each) if day in shown(each) else f"{shown(each)} of {day}"
            for each, day in urls.items()
        }

    async def _one(
        self,
        name: str,
        kind: Kind,
        url: str,
        place: str,
        options: Options,
        state: FeedState,
        *,
        accept_fewer: bool,
        dry_run: bool,
        was_there: bool,
    ) -> Brought | None:
        increment = kind.increments and phoneblock.wants_increment(state, self._clock())
        asked = phoneblock.since(url, state.version) if increment else url
        known = ("", "") if kind.renews or accept_fewer else state.validators.get(url, ("", ""))
        got = await self._downloader.download(
            asked, kind.most_bytes, known=known, token_file=options.token_file
        )
        if got.file is None:
            return None
        with got.file as file:
            try:
                return await self._importer.bring(
                    name, kind, file, place, options, increment=increment,
                    accept_fewer=accept_fewer, dry_run=dry_run,
                    validator=(url, got.etag, got.modified), known=was_there,
                )  # fmt: skip
            except FeedRefused as error:
                raise type(error)(f"{place}: {error}") from None


def _is_weekday(day: date) -> bool:
    return day.weekday() < SATURDAY
