"""The contract with the dialplan: ``ringfence.conf`` and its README, as files of this package."""

from __future__ import annotations

from importlib.resources import files


def ringfence_conf() -> str:
    """The text of ``ringfence.conf``, to be included from extensions.conf."""
    return files(__package__).joinpath("ringfence.conf").read_text(encoding="utf-8")
