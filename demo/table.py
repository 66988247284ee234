"""How the demo looks: a line per call as it ends, and what the admin typed before it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from demo.play import Played

_COLUMNS = (
    ("caller", 13), ("called", 13), ("trunk", 10), ("door", 5), ("att.", 5), ("verdict", 10),
    ("rule", 14), ("SIP", 4), ("ms", 6),
)  # fmt: skip
PACKET_SECONDS = 0.02
_COLOURS = {
    "allow": "green",
    "flag": "yellow",
    "block": "red",
    "intercept": "magenta",
    "challenge": "cyan",
    "divert": "blue",
}


class Table:
    """Lines on a terminal, or plain ones in a file; written at once, so that one can watch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._calls = 0

    def header(self) -> None:
        """The names of the columns."""
        line = "   " + "".join(name.ljust(width + 1) for name, width in _COLUMNS)
        self._console.print(Text(line.rstrip(), style="bold"))

    def say(self, text: str, style: str = "dim") -> None:
        """A line beside the table."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def row(self, played: Played) -> None:
        """One call and what came of it."""
        self._calls += 1
        scene = played.scene
        cells = (
            scene.caller, scene.called, scene.trunk, scene.door, played.attestation,
            played.verdict or "(none)", played.rule or "-", str(played.result.status),
            f"{played.screening_ms:.2f}" if played.verdict else "-",
        )  # fmt: skip
        line = Text(f"{self._calls:>2} ")
        for (name, width), cell in zip(_COLUMNS, cells, strict=True):
            style = _COLOURS.get(cell, "") if name == "verdict" else ""
            line.append(cell.ljust(width) + " ", style=style)
        line.rstrip()
        self._console.print(line, soft_wrap=True)
        more = [scene.title]
        if played.signer:
            more.append(f"signed by {played.signer}")
        if played.unproven:
            more.append(f"the signature counts for nothing: {played.unproven}")
        if played.scene.presses:
            more.append(f"challenge {played.outcome}")
        if played.result.answered:
            more.append(f"talked, heard {played.result.rtp_packets * PACKET_SECONDS:.1f} s")
        if played.result.early_rtp_packets:
            heard = played.result.early_rtp_packets * PACKET_SECONDS
            more.append(f"heard the prompt for {heard:.1f} s")
        if played.noted and played.noted != played.rule:
            more.append(f"would have been: {played.noted}")
        self.say("   " + "; ".join(more))
        for fault in played.faults:
            self.say(f"   NOT AS IT SHOULD BE: {fault}", style="bold red")
