"""docs/attestation.md says of each word what the verifier says, and names headers that are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ringfence.attestation import Failure, Reason, attest
from ringfence.call import CallAttempt
from ringfence.trunk import Trunk

PAGE = (Path(__file__).parents[3] / "docs" / "attestation.md").read_text()
HEADERS = Trunk(attestation=("headers",), verstat_passed="A")
SAYS_A = {
    "X-Twilio-VerStat": "TN-Validation-Passed-A",
    "P-Asserted-Identity": "<sip:+12025550123@carrier.example;verstat=TN-Validation-Passed>",
    "From": "<sip:+12025550123;verstat=TN-Validation-Passed@carrier.example>;tag=1",
    "P-Attestation-Indicator": "A",
    "X-Plivo-Stir-Verification": "Verified",
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under that heading, its head left out."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_reason_has_a_row_with_its_verification_and_its_code() -> None:
    said = {cells[0].strip("`"): cells[1:3] for cells in rows("Reasons")}
    assert said == {
        reason.value: [
            "failed" if Failure(reason).proves else "none",
            str(Failure(reason).code or ""),
        ]
        for reason in Reason
    }


def named_headers() -> set[str]:
    cells = [row[2] for row in rows("Settings for carriers")]
    names = {name for cell in cells for name in re.findall(r"`([^`=]+)`", cell)}
    return {name for joined in names for name in joined.split("&")}


def test_the_carriers_table_names_headers() -> None:
    assert named_headers() == {*SAYS_A, "P-Origination-ID"}


@pytest.mark.parametrize("name", SAYS_A)
def test_a_header_that_the_carriers_table_names_is_read(name: str) -> None:
    found = attest(CallAttempt(headers={name.lower(): SAYS_A[name]}), HEADERS)
    assert (found.level, found.verification, found.origin) == ("A", "passed", name.lower())


def test_links_within_the_page_lead_somewhere() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
