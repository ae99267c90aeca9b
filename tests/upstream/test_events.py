"""The event decoder against the standard, and against every way to cut a stream into pieces."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.upstream.events import EventDecoder, EventTooLarge


def decode(*pieces: bytes) -> list[bytes]:
    decoder = EventDecoder()
    return [payload for piece in pieces for payload in decoder.feed(piece)]


def decode_by_the_standard(stream: bytes) -> list[bytes]:
    """The whole stream at once, written as the standard puts it and with no regard for speed."""
    payloads, data = [], []
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    for line in lines[:-1]:
        if not line:
            payloads += [b"\n".join(data)] if data else []
            data = []
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value[1:] if value[:1] == b" " else value)
    return payloads


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end_closes_an_event(newline: bytes) -> None:
    assert decode(b"data: one" + newline * 2 + b"data: two" + newline * 2) == [b"one", b"two"]


def test_a_line_end_cut_between_cr_and_lf_counts_once() -> None:
    assert decode(b"data: one\r", b"\ndata: two\r", b"\n\r", b"\n") == [b"one\ntwo"]


def test_an_lf_alone_in_its_piece_still_belongs_to_the_cr_before_it() -> None:
    assert decode(b"data: one\r", b"\n", b"\ndata: two\n\n") == [b"one", b"two"]


def test_data_lines_of_one_event_are_joined_by_line_feeds() -> None:
    assert decode(b"data: one\ndata:two\ndata\n\n") == [b"one\ntwo\n"]


def test_comments_and_other_fields_are_skipped() -> None:
    assert decode(b": ping\n\nevent: message\nid: 7\ndata: x\nretry: 5\nunknown: y\n\n") == [b"x"]


def test_only_one_space_after_the_colon_is_dropped() -> None:
    assert decode(b"data:  x: y\n\n") == [b" x: y"]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert decode(b"\xef\xbb", b"\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n") == [b"a", b"c"]


def test_a_character_cut_in_two_arrives_whole() -> None:
    snowman = "☃".encode()
    assert decode(b"data: " + snowman[:1], snowman[1:] + b"\n\n") == [snowman]


def test_an_event_without_its_blank_line_is_left_for_the_end() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"data: [DONE]") == []
    assert decoder.finish() == b"[DONE]"
    assert decoder.finish() is None


def test_a_stream_that_ends_in_good_order_leaves_nothing() -> None:
    decoder = EventDecoder()
    decoder.feed(b"data: x\n\n: bye\n")
    assert decoder.finish() is None


def test_a_line_that_never_ends_is_refused() -> None:
    decoder = EventDecoder(max_event_bytes=1000)
    assert [decoder.feed(b"x" * 100) for _ in range(10)] == [[]] * 10
    with pytest.raises(EventTooLarge):
        decoder.feed(b"x")


def test_an_event_of_endless_data_lines_is_refused() -> None:
    decoder = EventDecoder(max_event_bytes=1000)
    assert [decoder.feed(b"data: " + b"x" * 100 + b"\n") for _ in range(10)] == [[]] * 10
    with pytest.raises(EventTooLarge):
        decoder.feed(b"data: x\n")


def test_many_events_may_together_exceed_the_limit_of_one() -> None:
    decoder = EventDecoder(max_event_bytes=200)
    assert [decoder.feed(b"data: " + b"x" * 50 + b"\r\n\r\n") for _ in range(20)] == [[b"x" * 50]] * 20


LINES = st.sampled_from(
    [
        b"data: a",
        b"data:",
        b"data",
        b"data:\xe2\x98\x83",
        b": ping",
        b"event: x",
        b"",
        b"",
        b"\xef\xbb\xbf",
        b"data : y",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=20).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200)))
def test_how_the_stream_is_cut_never_changes_the_result(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]

    assert decode(*pieces) == decode_by_the_standard(stream)
