"""From Asterisk's results and carriers' headers to one attestation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.attestation import UNKNOWN, Attestation, Level, Verification, attest
from ringfence.call import CallAttempt
from ringfence.trunk import Trunk

HEADERS = Trunk(attestation=("headers",), verstat_passed="B")
ASTERISK = Trunk()
BOTH = Trunk(attestation=("asterisk", "headers"), verstat_passed="B")


def said(trunk: Trunk = HEADERS, *results: tuple[str, str], **headers: str) -> tuple[str, str]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    attestation = attest(CallAttempt(headers=names, stir_shaken=results), trunk)
    return attestation.level, attestation.verification


# -- what Asterisk verified ---------------------------------------------------------------------


@pytest.mark.parametrize("level", ["A", "B", "C"])
@pytest.mark.parametrize("result", ["success", "Verification passed"])
def test_a_token_that_asterisk_verified_counts(result: str, level: str) -> None:
    assert said(ASTERISK, (result, level)) == (level, "passed")


@pytest.mark.parametrize(
    "result",
    [
        *("missing_date_hdr", "date_hdr_range_error", "cert_retrieval_failure", "cert_not_trusted"),
        *("cert_date_failure", "cert_no_tn_auth_ext", "signature_validation", "iat_range_error"),
        *("invalid_or_no_attest", "cid_orig_tn_mismatch", "missing_dest_tn", "invalid_header"),
        *("Signature failed", "Verification mismatch", "not_verified", "something new"),
    ],
)
@pytest.mark.parametrize("level", ["A", "B", "C", ""])
def test_a_token_that_failed_claims_nothing(result: str, level: str) -> None:
    attestation = attest(CallAttempt(stir_shaken=((result, level),)), ASTERISK)
    assert attestation == Attestation(Level.NONE, Verification.FAILED, "asterisk", result)


@pytest.mark.parametrize(
    "result",
    [
        *("missing_identity_hdr", "Verification not present"),
        *("disabled", "internal_error", "invalid_arguments"),
    ],
)
def test_where_asterisk_checked_nothing_nothing_is_known(result: str) -> None:
    assert attest(CallAttempt(stir_shaken=((result, "A"),)), ASTERISK) == UNKNOWN


def test_a_caller_without_a_number_has_no_attestation_and_has_not_failed() -> None:
    attempt = CallAttempt(stir_shaken=(("invalid_or_no_callerid", "A"),))
    assert attest(attempt, ASTERISK) == Attestation(
        origin="asterisk", detail="invalid_or_no_callerid"
    )


@pytest.mark.parametrize("level", ["", "D", "a", "AB", "A,", "A)", "none"])
def test_a_verified_token_with_a_level_that_is_none_has_failed(level: str) -> None:
    assert said(ASTERISK, ("success", level)) == ("none", "failed")


def test_one_verified_token_among_several_counts() -> None:
    tokens = (("signature_validation", "A"), ("success", "C"), ("iat_range_error", "B"))
    assert said(ASTERISK, *tokens) == ("C", "passed")


# -- carriers' headers --------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["p-asserted-identity", "from"])
@pytest.mark.parametrize(
    "form",
    [
        "<sip:+12025550123;verstat={}@carrier.example>",
        "<sip:+12025550123@carrier.example;verstat={}>",
        "<sip:+12025550123;verstat={};npdi@carrier.example;user=phone>;tag=1",
        "<tel:+12025550123;verstat={}>",
        '"Bank, of x" <sip:+12025550123@carrier.example;user=phone;verstat={}>;tag=1',
        "Bank <tel:+12025550123;VerStat={}>",
        "<sip:+12025550123@carrier.example>, <tel:+12025550123;verstat={}>",
        "<sip:+12025550123@carrier.example:5060>;verstat={}",
        "sip:+12025550123@carrier.example;verstat={}",
    ],
)
def test_verstat_is_read_in_every_place_that_carriers_put_it(header: str, form: str) -> None:
    def read(value: str) -> tuple[str, str]:
        attestation = attest(CallAttempt(headers={header: form.format(value)}), HEADERS)
        assert attestation.origin == header
        return attestation.level, attestation.verification

    assert read("TN-Validation-Passed") == ("B", "passed")
    assert read("tn-validation-PASSED") == ("B", "passed")
    assert read("TN-Validation-Passed-A") == ("A", "passed")
    assert read("TN-Validation-Passed-C") == ("C", "passed")
    assert read("TN-Validation-Failed") == ("none", "failed")
    assert read("TN-Validation-Failed-A") == ("none", "failed")
    assert read("No-TN-Validation") == ("none", "none")


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("TN-Validation-Passed-A", ("A", "passed")),
        ("TN-Validation-Passed-B", ("B", "passed")),
        ("TN-Validation-Passed-C", ("C", "passed")),
        ("tn-validation-passed-c", ("C", "passed")),
        (" TN-Validation-Passed-A ", ("A", "passed")),
        ("TN-Validation-Passed-A-Diverted", ("A", "passed")),
        ("TN-Validation-Passed-A-Passthrough", ("A", "passed")),
        ("TN-Validation-Passed-Diverted", ("B", "passed")),
        ("TN-Validation-Failed", ("none", "failed")),
        ("TN-Validation-Failed-A", ("none", "failed")),
        ("TN-Validation-Failed-C-Diverted", ("none", "failed")),
        ("No-TN-Validation", ("none", "none")),
        ("No-TN-Validation-Passthrough", ("none", "none")),
        ("TN-Validation-Passed-D", ("none", "none")),
        ("TN-Validation-Passed-AB", ("none", "none")),
        ("TN-Validation-Passed-A, TN-Validation-Failed", ("none", "none")),
        ("xTN-Validation-Passed-A", ("none", "none")),
        ("", ("none", "none")),
    ],
)
def test_twilios_header_is_read_whole_or_not_at_all(value: str, result: tuple[str, str]) -> None:
    assert said(x_twilio_verstat=value) == result


@pytest.mark.parametrize("header", ["p-attestation-indicator", "attestation-info"])
@pytest.mark.parametrize(
    ("value", "level"),
    [("A", "A"), (" b ", "B"), ("C", "C"), ("A;", "A"), ("D", "none"), ("A,B", "none")],
)
def test_an_attestation_header_is_one_level(header: str, value: str, level: str) -> None:
    result = attest(CallAttempt(headers={header: value}), HEADERS)
    assert (result.level, result.verification) == (level, "none" if level == "none" else "passed")


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("Verified", ("A", "passed")),
        ("verified", ("A", "passed")),
        # B, C, failed or unsigned: the carrier does not say which
        ("Not Verified", ("none", "none")),
        ("Not Applicable", ("none", "none")),
        ("Maybe", ("none", "none")),
    ],
)
def test_plivos_header_is_level_a_or_says_nothing(value: str, result: tuple[str, str]) -> None:
    assert said(x_plivo_stir_verification=value) == result


@pytest.mark.parametrize(
    "name",
    [
        '"TN-Validation-Passed-A"',
        '";verstat=TN-Validation-Passed-A"',
        r'"a\";verstat=TN-Validation-Passed-A"',
        '"<sip:x;verstat=TN-Validation-Passed-A>"',
        "a;verstat=TN-Validation-Passed-A",
        "TN-Validation-Passed-A",
    ],
)
def test_a_caller_cannot_attest_himself_in_his_name(name: str) -> None:
    for header in ("p-asserted-identity", "from"):
        claims = attest(CallAttempt(headers={header: f"{name} <sip:+12025550123@x>"}), HEADERS)
        assert claims == UNKNOWN
        address = "<sip:+12025550123@x;verstat=TN-Validation-Failed>"
        failed = attest(CallAttempt(headers={header: f"{name} {address}"}), HEADERS)
        assert failed.verification == "failed"


@pytest.mark.parametrize(
    "header",
    [
        "<sip:+12025550123@x>, a;verstat=TN-Validation-Passed-A <sip:+12025550124@x>",
        "<sip:+12025550123@x> a;verstat=TN-Validation-Passed-A <sip:+12025550124@x>",
        '<sip:+12025550123@x>, ";verstat=TN-Validation-Passed-A" <sip:+12025550124@x>',
    ],
)
def test_a_name_between_two_addresses_attests_nothing(header: str) -> None:
    assert said(p_asserted_identity=header) == ("none", "none")


def test_a_name_without_an_end_makes_the_header_say_nothing() -> None:
    header = '"a <sip:+12025550123@x;verstat=TN-Validation-Passed-A>'
    assert said(p_asserted_identity=header) == ("none", "none")


@pytest.mark.parametrize(
    "headers",
    [
        {
            "p_asserted_identity": "<sip:1@x;verstat=TN-Validation-Failed>",
            "x_twilio_verstat": "TN-Validation-Passed-A",
        },
        {"from": "<sip:1@x;verstat=TN-Validation-Failed>", "p_attestation_indicator": "A"},
        {"x_twilio_verstat": "TN-Validation-Failed-A", "x_plivo_stir_verification": "Verified"},
        {
            "p_asserted_identity": "<sip:1@x;verstat=TN-Validation-Passed-A>, "
            "<tel:1;verstat=TN-Validation-Failed>"
        },
    ],
)
def test_of_contradicting_headers_one_failure_outweighs_all_passes(headers: dict[str, str]) -> None:
    assert said(HEADERS, **headers) == ("none", "failed")


def test_of_contradicting_levels_the_weakest_counts() -> None:
    assert said(x_twilio_verstat="TN-Validation-Passed-A", p_attestation_indicator="C") == (
        *("C", "passed"),
    )
    assert said(x_twilio_verstat="TN-Validation-Passed-A", attestation_info="B") == ("B", "passed")


def test_a_pass_without_a_level_takes_none_away_and_adds_none() -> None:
    trunk = Trunk(attestation=("headers",))
    passed = "<sip:1@x;verstat=TN-Validation-Passed>"
    assert said(trunk, p_asserted_identity=passed) == ("none", "passed")
    assert said(trunk, p_asserted_identity=passed, p_attestation_indicator="B") == ("B", "passed")


@pytest.mark.parametrize("header", ["p-origination-id", "origination-id"])
def test_the_origination_id_is_kept_with_a_pass(header: str) -> None:
    headers = {"p-attestation-indicator": "A", header: " 8f0d1f2c-0000-4000-8000-000000000001 "}
    origid = attest(CallAttempt(headers=headers), HEADERS).origid
    assert origid == "8f0d1f2c-0000-4000-8000-000000000001"


@pytest.mark.parametrize("text", ["a b", "a,b", "x" * 65, "${x}", "é"])
def test_an_origination_id_that_is_none_is_left_out(text: str) -> None:
    headers = {"p-attestation-indicator": "A", "origination-id": text}
    assert attest(CallAttempt(headers=headers), HEADERS).origid == ""


# -- trust --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"x-twilio-verstat": "TN-Validation-Passed-A"},
        {"p-asserted-identity": "<sip:1@x;verstat=TN-Validation-Passed>"},
        {"p-attestation-indicator": "A"},
        {"x-plivo-stir-verification": "Verified"},
        {"from": "<sip:1@x;verstat=TN-Validation-Failed>"},
    ],
)
@pytest.mark.parametrize("trunk", [ASTERISK, Trunk(attestation=())])
def test_headers_of_a_trunk_that_is_not_trusted_are_ignored_and_that_is_noted(
    trunk: Trunk, header: dict[str, str]
) -> None:
    attestation = attest(CallAttempt(headers=header), trunk)
    assert (attestation.level, attestation.verification) == ("none", "none")
    assert "not trusted" in attestation.detail


def test_headers_that_claim_nothing_are_not_noted() -> None:
    headers = {"p-asserted-identity": "<sip:1@x>", "user-agent": "TN-Validation-Passed-A"}
    assert attest(CallAttempt(headers=headers), ASTERISK) == UNKNOWN


def test_asterisks_results_count_only_where_the_trunk_trusts_them() -> None:
    assert said(HEADERS, ("success", "A")) == ("none", "none")


@pytest.mark.parametrize("first", ["asterisk", "headers"])
def test_the_first_trusted_source_that_says_something_counts(first: Any) -> None:
    second: Any = "headers" if first == "asterisk" else "asterisk"
    trunk = Trunk(attestation=(first, second))
    level = said(trunk, ("success", "A"), p_attestation_indicator="C")
    assert level == ("A" if first == "asterisk" else "C", "passed")


def test_where_the_first_source_is_silent_the_second_counts() -> None:
    assert said(BOTH, ("missing_identity_hdr", ""), p_attestation_indicator="C") == ("C", "passed")
    assert said(BOTH, p_attestation_indicator="C") == ("C", "passed")
    failed = said(BOTH, ("signature_validation", "A"), p_attestation_indicator="A")
    assert failed == ("none", "failed")


@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                *("x-twilio-verstat", "p-asserted-identity", "from", "p-attestation-indicator"),
                *("attestation-info", "x-plivo-stir-verification", "origination-id"),
            ]
        ),
        st.lists(
            st.sampled_from(
                [
                    *("TN-Validation-", "Passed", "Failed", "-A", "No-", ";verstat=", "<sip:1@x"),
                    *(">", '"', "\\", ",", " ", "A", "Verified", "verstat", "é", ";"),
                ]
            ),
            max_size=8,
        ).map("".join),
        max_size=4,
    ),
    results=st.lists(
        st.tuples(st.sampled_from(["success", "missing_identity_hdr", "x"]), st.text(max_size=2)),
        max_size=3,
    ),
    sources=st.sampled_from([(), ("asterisk",), ("headers",), ("headers", "asterisk")]),
)
def test_no_level_ever_comes_without_a_pass(
    headers: dict[str, str], results: list[tuple[str, str]], sources: Any
) -> None:
    attempt = CallAttempt(headers=headers, stir_shaken=tuple(results))
    attestation = attest(attempt, Trunk(attestation=sources, verstat_passed="C"))
    if attestation.level is not Level.NONE:
        assert attestation.verification is Verification.PASSED


# -- what we verified ourselves -----------------------------------------------------------------

OURS = Trunk(attestation=("ringfence", "asterisk", "headers"), verstat_passed="B")
PASSED = Attestation(Level.A, Verification.PASSED, "identity", signer="818H")
FORGED = Attestation(Level.NONE, Verification.FAILED, "identity", code=438, reason="bad-signature")
PENDING = Attestation(origin="identity", detail="to come", reason="certificate-pending")
CLAIM = {"x-twilio-verstat": "TN-Validation-Passed-C"}


@pytest.mark.parametrize("found", [PASSED, FORGED])
def test_what_we_verified_goes_before_what_others_say(found: Attestation) -> None:
    attempt = CallAttempt(headers=CLAIM, stir_shaken=(("success", "B"),), identities=("x",))
    assert attest(attempt, OURS, found) == found


@pytest.mark.parametrize("found", [PASSED, FORGED])
def test_the_order_of_the_trunk_decides(found: Attestation) -> None:
    attempt = CallAttempt(stir_shaken=(("success", "B"),), identities=("x",))
    trunk = Trunk(attestation=("asterisk", "ringfence"))
    assert attest(attempt, trunk, found).level == "B"


def test_where_we_could_not_verify_the_next_source_counts() -> None:
    attempt = CallAttempt(headers=CLAIM, identities=("x",))
    assert attest(attempt, OURS, PENDING).level == "C"


def test_where_nobody_knows_anything_our_reason_counts() -> None:
    attempt = CallAttempt(identities=("x",))
    assert attest(attempt, OURS, PENDING) == PENDING


def test_a_claim_that_is_not_trusted_is_noted_beside_our_reason() -> None:
    said = attest(CallAttempt(headers=CLAIM, identities=("x",)), Trunk(), PENDING)
    assert said.reason == "certificate-pending"
    assert said.detail == ("to come; the trunk's headers claim a verification; it is not trusted")


def test_an_identity_header_that_the_trunk_is_not_to_be_asked_for_is_noted() -> None:
    said = attest(CallAttempt(identities=("x",)), Trunk(attestation=("headers",)))
    assert (said.verification, said.reason) == ("none", "")
    assert "do not name ringfence" in said.detail
