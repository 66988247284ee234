"""Peers that misbehave are told of, and cannot fill the log."""

from __future__ import annotations

from typing import Any

from agi.complaints import AT_ONCE, SECONDS, Complaints


def test_a_flood_of_bad_peers_is_a_few_lines_and_a_number(logged: list[Any]) -> None:
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    for _ in range(1000):
        complaints.tell("refused", peer="192.0.2.1:1")
    assert [entry["event"] for entry in logged] == ["refused"] * AT_ONCE
    now[0] += SECONDS
    complaints.tell("refused", peer="192.0.2.2:1")
    assert [entry.get("peers") for entry in logged[AT_ONCE:]] == [1000 - AT_ONCE, None]
    assert logged[-1]["peer"] == "192.0.2.2:1"
