"""AGI as bytes: what Asterisk sends, and what anyone may send."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.protocol import (
    MAX_HEADER,
    MAX_REPLY,
    AgiReader,
    Environment,
    Hangup,
    Message,
    ProtocolError,
    Reply,
    command,
)

HEADER = (
    b"agi_network: yes\nagi_network_script: screen\nagi_request: agi://127.0.0.1/screen\n"
    b"agi_channel: PJSIP/carrier-a-0000002f\nagi_uniqueid: 1700000000.7\n"
    b"agi_callerid: 2025550100\nagi_calleridname: Jane\nagi_enhanced: 0.0\n"
    b"agi_threadid: 1\nagi_arg_1: called=1&caller=2\nagi_arg_2: second\n\n"
)
ENVIRONMENT = Environment(
    "screen", "PJSIP/carrier-a-0000002f", "1700000000.7", ("called=1&caller=2", "second")
)
REST = b"200 result=0\nHANGUP\n511 Command Not Permitted on a dead channel\n"
MESSAGES = [ENVIRONMENT, Reply(200, True), Hangup(), Reply(511, False)]


def read(*parts: bytes) -> list[Message]:
    reader = AgiReader()
    return [message for part in parts for message in reader.feed(part)]


def environment(header: bytes) -> Environment:
    [message] = read(header + b"\n\n")
    assert isinstance(message, Environment)
    return message


def test_a_session_is_read_however_its_bytes_arrive() -> None:
    data = HEADER + REST
    assert read(data) == MESSAGES
    assert read(*(data[at : at + 1] for at in range(len(data)))) == MESSAGES


NEWLINES = (
    b"", b"\n", b"\n\n", b"\n\n\n", b"\nagi_threadid: 1\n\n", b"\nagi_threadid: 1\n\nx",
    b"\nagi_threadid: 1\n\n200 result=0", b"\n\nagi_arg_1: called=911\n\n",
)  # fmt: skip


@pytest.mark.parametrize("number", NEWLINES)
@pytest.mark.parametrize("dialled", NEWLINES)
def test_no_newline_in_a_number_ends_the_header_before_its_arguments(
    number: bytes, dialled: bytes
) -> None:
    header = HEADER.replace(b"2025550100\n", b"2025550100" + number + b"\n")
    header = header.replace(b"agi_enhanced", b"agi_dnid: 1900" + dialled + b"\nagi_enhanced")
    assert read(header + REST) == MESSAGES


@given(st.lists(st.integers(0, len(HEADER + REST)), max_size=6).map(sorted))
def test_it_does_not_matter_where_the_bytes_are_parted(cuts: list[int]) -> None:
    data = HEADER + REST
    edges = [0, *cuts, len(data)]
    assert read(*(data[a:b] for a, b in itertools.pairwise(edges))) == MESSAGES


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"200 result=0", Reply(200, True)),
        (b"200 result=1 (text)", Reply(200, True, 1, "text")),
        (b"200 result=1 (a (b) c)", Reply(200, True, 1, "a (b) c")),
        (b"200 result=52 endpos=1234", Reply(200, True, 52)),
        (b"200 result=0\r", Reply(200, True)),
        (b"200 result=-1", Reply(200, False, -1)),
        (b"200 result=-2", Reply(200, False, -2)),
        (b"200 ", Reply(200, False)),
        (b"510 Invalid or unknown command", Reply(510, False)),
        (b"511 Command Not Permitted on a dead channel or intercept routine", Reply(511, False)),
        (b"520 Invalid command syntax.  Proper usage not available.", Reply(520, False)),
    ],
)
def test_a_command_succeeded_only_where_asterisk_says_so(line: bytes, reply: Reply) -> None:
    assert read(HEADER, line + b"\n")[1:] == [reply]


def test_the_lines_of_a_usage_are_one_reply() -> None:
    usage = (
        b"520-Invalid command syntax.  Proper usage follows:\nUsage: EXEC\n\n520 End of usage.\n"
    )
    assert read(HEADER, usage, b"200 result=0\n")[1:] == [Reply(520, False), Reply(200, True)]


@pytest.mark.parametrize("line", [b"", b"hello", b"2000 result=0", b"20", b"\x00\xff", b" HANGUP"])
def test_a_line_that_is_no_reply_is_left_out(line: bytes) -> None:
    assert read(HEADER, line + b"\n")[1:] == []


def test_a_hang_up_may_come_with_the_header_and_before_a_reply() -> None:
    assert read(HEADER + b"HANGUP\n200 result=-1\n")[1:] == [Hangup(), Reply(200, False, -1)]


@pytest.mark.parametrize(
    "header", [b"", b"GET / HTTP/1.1\r\nHost: x", b"agi_nothing", b"\x16\x03\x01", b"x: y\nagi: z"]
)
def test_a_header_without_an_agi_line_is_not_asterisks(header: bytes) -> None:
    with pytest.raises(ProtocolError, match="not Asterisk"):
        read(header + b"\n\n")


def test_an_endless_header_is_refused() -> None:
    with pytest.raises(ProtocolError, match="header"):
        read(b"x" * MAX_HEADER, b"xx")
    with pytest.raises(ProtocolError, match="header"):
        read(b"agi_x: " + b"x" * MAX_HEADER + b"\n\n")


def test_a_header_as_long_as_asterisks_longest_argument_is_read() -> None:
    assert environment(b"agi_arg_1: " + b"x" * 8_192).arguments == ("x" * 8_192,)


def test_an_endless_reply_is_refused() -> None:
    with pytest.raises(ProtocolError, match="reply"):
        read(HEADER, *[b"x" * 1_000] * (MAX_REPLY // 1_000 + 1))


def test_a_line_without_a_colon_is_left_out() -> None:
    assert environment(b"agi_channel\nnonsense\nagi_channel: PJSIP/a-1").channel == "PJSIP/a-1"


def test_a_value_may_hold_a_colon_and_may_be_empty() -> None:
    seen = environment(b"agi_channel: a: b\nagi_network_script: \nagi_uniqueid: ")
    assert (seen.channel, seen.script, seen.uniqueid) == ("a: b", "", "")


@pytest.mark.parametrize("script", [b"screen", b"/screen", b"screen/", b"screen?x=1"])
def test_the_entry_point_is_the_path_of_the_url(script: bytes) -> None:
    assert environment(b"agi_network_script: " + script).script == "screen"


def test_an_empty_argument_keeps_its_place_and_a_gap_ends_them() -> None:
    assert environment(b"agi_arg_1: \nagi_arg_2: b\nagi_arg_4: d").arguments == ("", "b")


@pytest.mark.parametrize(
    "name",
    [b"x\nagi_channel: PJSIP/trusted-1", b"x\nagi_uniqueid: 1", b"x\nagi_network_script: ping"],
)
def test_a_caller_name_with_a_newline_forges_nothing_that_came_before_it(name: bytes) -> None:
    assert read(HEADER.replace(b"Jane", name)) == [ENVIRONMENT]


def test_a_caller_name_with_a_newline_forges_no_argument() -> None:
    forged = HEADER.replace(b"Jane", b"x\nagi_arg_1: called=9&trunk=trusted\nagi_arg_2: y")
    assert read(forged) == [ENVIRONMENT]


def test_a_latin1_name_spoils_nothing() -> None:
    assert read(HEADER.replace(b"Jane", b"Jos\xe9")) == [ENVIRONMENT]
    assert environment(b"agi_arg_1: Jos\xe9").arguments == ("José",)
    assert environment("agi_arg_1: José".encode()).arguments == ("José",)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([HEADER, REST, b"\n\n", b"agi_x: y\n"])))
def test_garbage_is_read_or_refused(parts: list[bytes]) -> None:
    try:
        messages = read(*parts)
    except ProtocolError as why:
        messages = []
        lines = str(why)
    else:
        lines = ""
    assert "\n" not in lines
    assert [m for m in messages if isinstance(m, Environment)] == messages[:1]


def test_a_commands_arguments_are_quoted() -> None:
    assert command("EXEC MSet", "A=1,B=2") == b'EXEC MSet "A=1,B=2"\n'
    assert command("SET VARIABLE", "A", "b c") == b'SET VARIABLE "A" "b c"\n'
    assert command("NOOP") == b"NOOP\n"


@given(
    st.text(alphabet=st.characters(codec=None), max_size=40) | st.text('a"\\\n\r\0', max_size=20)
)
def test_no_argument_ends_its_quotes_or_its_line(text: str) -> None:
    sent = command("SET VARIABLE", text)
    assert sent.startswith(b'SET VARIABLE "')
    assert sent.endswith(b'"\n')
    assert not set(b'"\\\n\r\0') & set(sent[14:-2])


def test_an_argument_is_bounded() -> None:
    assert len(command("X", "a" * 100_000)) < 2_100


WHOLE = (
    b"agi_network: yes\nagi_network_script: screen\nagi_request: agi://127.0.0.1/screen\n"
    b"agi_channel: PJSIP/carrier-a-0000002f\nagi_language: en\nagi_type: PJSIP\n"
    b"agi_uniqueid: 1700000000.7\nagi_version: 22.10.1\n"
    b"agi_callerid: 2025550100\nagi_calleridname: Jane\nagi_enhanced: 0.0\n"
    b"agi_threadid: 1\nagi_arg_1: called=1&caller=2\n"
)


@pytest.mark.parametrize("name", [b"Jane", b"x\nagi_channel: PJSIP/b-1\nagi_uniqueid: 2", b"\xff"])
@pytest.mark.parametrize(
    ("more", "arguments"),
    [(b"", ("called=1&caller=2",)), (b"agi_arg_2: second\n", ("called=1&caller=2", "second"))],
)
def test_a_header_as_asterisk_writes_it_is_read_as_one_with_its_lines_in_another_order(
    name: bytes, more: bytes, arguments: tuple[str, ...]
) -> None:
    header = WHOLE.replace(b"Jane", name) + more
    first, rest = header.split(b"\n", 1)
    whole, other = read(header + b"\n"), read(rest[: len(rest) - len(more)] + more + b"\n")
    assert first == b"agi_network: yes"
    assert whole == other
    assert whole == [Environment("screen", *ENVIRONMENT_OF, arguments)]


ENVIRONMENT_OF = ("PJSIP/carrier-a-0000002f", "1700000000.7")
