"""Key names: one prefix, and no name that could break out of it."""

from __future__ import annotations

import pytest

from ringfence.store.keys import Keys


def test_every_key_is_under_the_prefix() -> None:
    keys = Keys("site-7:")
    names = [value for value in vars(keys).values() if isinstance(value, str)]
    names += [keys.list("scammers"), keys.staging("x")]
    assert all(name.startswith("site-7:") for name in names)
    assert keys.list("scammers") == "site-7:list:scammers"


@pytest.mark.parametrize(
    "prefix", ["", "ringfence", ":", "ring fence:", "a\n:", "*:", "x" * 80 + ":"]
)
def test_a_bad_prefix_is_refused_in_one_line(prefix: str) -> None:
    with pytest.raises(ValueError, match="end with a colon") as refused:
        Keys(prefix)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", ".hidden", "a b", "a:b", "a/b", "é", "x" * 65, "a\n"])
def test_a_bad_list_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="list name"):
        Keys().list(name)


def test_tracked_prefixes_do_not_overlap() -> None:
    # CLIENT TRACKING refuses prefixes that do
    keys = Keys()
    tracked = [keys.rules, keys.trunks, keys.callees, keys.providers, keys.list_prefix]
    for one in tracked:
        assert not any(other != one and other.startswith(one) for other in tracked)
    assert not any(keys.staging("x").startswith(prefix) for prefix in tracked)
