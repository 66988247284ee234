"""What a worker reads once a second: decoded again only where it has changed."""

from __future__ import annotations

from ringfence.providers.looking import NOBODY, Register, Texts
from ringfence.providers.model import Provider


async def test_what_has_not_changed_is_not_decoded_again() -> None:
    decoded: list[str] = []

    def decode(id: str, text: bytes) -> str:
        decoded.append(id)
        if text == b"bad":
            raise ValueError("no good")
        return text.decode()

    texts = Texts(decode)
    assert await texts.decoded({"a": b"1", "b": b"bad"}) == {"a": "1"}
    assert texts.refused == {"b": "no good"}
    assert await texts.decoded({"a": b"1", "b": b"bad"}) == {"a": "1"}
    assert decoded == ["a", "b"]
    assert await texts.decoded({"a": b"1", "b": b"2"}) == {"a": "1", "b": "2"}
    assert texts.refused == {}
    assert await texts.decoded({"b": b"2"}) == {"b": "2"}
    assert await texts.decoded({"a": b"1"}) == {"a": "1"}
    assert decoded == ["a", "b", "b", "a"]


def test_of_an_unknown_provider_nothing_is_known() -> None:
    gateway = Provider()
    register = Register({"gateway": gateway}, {"gateway": ("a",), "other": ("b",)})
    assert register.known("gateway") == (gateway, ("a",), ())
    assert register.known("other") == (None, ("b",), ())
    assert NOBODY.known("gateway") == (None, (), ())
