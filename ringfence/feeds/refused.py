"""How a feed is refused: one line that says what was expected and found; knows no feed."""

from __future__ import annotations


class FeedRefused(ValueError):  # noqa: N818 - the field's word: a file is refused
    """Nothing of it is taken, and what the feed brought before stays."""


class NotThere(FeedRefused):
    """No such file, or a web page in its place: of files a day, one that is not there yet."""


class Removed(FeedRefused):
    """The feed was removed while a file of it was on its way: nothing of it is kept."""
