import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.gateway.request_head import MAX_HEAD, RequestStream, find_end, normalise

# As TensorFlow 2.21 sends them.
EMPTY_POST = (
    b"POST /upload/storage/v1/b/b/o?uploadType=resumable&name=n HTTP/1.1\r\nHost: www.googleapis.com\r\n"
    b"User-Agent: TSL\r\nAccept: */*\r\nAuthorization: Bearer x\r\nX-Upload-Content-Length: 6\r\nContent-Length: 0\r\n"
    b"Transfer-Encoding: identity\r\nExpect: 100-continue\r\n\r\n"
)
UPLOAD = (
    b"PUT /upload/storage/v1/b/b/o?upload_id=1 HTTP/1.1\r\nHost: www.googleapis.com\r\nContent-Range: bytes 0-5/6\r\n"
    b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
)


def forwarded(*pieces: bytes) -> bytes:
    stream = RequestStream()
    return b"".join(stream.feed(piece) for piece in pieces)


def test_an_empty_post_loses_only_its_identity_coding():
    assert normalise(EMPTY_POST) == EMPTY_POST.replace(b"Transfer-Encoding: identity\r\n", b"")


def test_a_chunked_upload_loses_only_its_length():
    assert normalise(UPLOAD) == UPLOAD.replace(b"Content-Length: 6\r\n", b"")


def test_a_content_type_that_is_repeated_is_sent_once():
    """As DuckDB 1.5 sends it with a token."""
    head = b"PUT /b/o HTTP/1.1\r\nContent-Type: a/b\r\nHost: h\r\ncontent-type:a/b \r\nContent-Length: 3\r\n\r\n"
    expected = b"PUT /b/o HTTP/1.1\r\nContent-Type: a/b\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
    assert normalise(head) == expected
    assert forwarded(head + b"abc" + head + b"abc") == 2 * (expected + b"abc")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        # Ambiguous or wrong in other ways: for the parser to refuse.
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n , identity\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\nTransfer-Encoding: identity\n\n",
        b"POST / HTTP/1.1\r\nX-Transfer-Encoding: identity\r\n\r\n",
    ],
)
def test_every_other_head_is_unchanged(head):
    assert normalise(head) == head


def test_field_names_and_codings_are_read_in_any_case():
    assert (
        normalise(b"PUT / HTTP/1.1\r\ntransfer-ENCODING:Identity \r\nA: b\r\n\r\n") == b"PUT / HTTP/1.1\r\nA: b\r\n\r\n"
    )


def test_a_head_is_buffered_until_complete_and_a_body_is_not():
    stream = RequestStream()
    assert stream.feed(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r") == b""
    assert stream.feed(b"\nab") == b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"
    assert stream.feed(b"cde") == b"cde"


def test_blank_lines_before_a_request_are_forwarded():
    assert forwarded(b"\r\n", b"\r\n" + EMPTY_POST) == b"\r\n\r\n" + normalise(EMPTY_POST)


@pytest.mark.parametrize(
    "start",
    [
        b"PUT / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5000 + b"\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\n\n",
    ],
)
def test_after_unknown_framing_everything_is_forwarded_unchanged(start):
    assert forwarded(start, EMPTY_POST, UPLOAD) == start + EMPTY_POST + UPLOAD


@pytest.mark.parametrize("chunks", [b"x\r\n", b"1\r\nab\r\n", b"0\r\n\n", b"0\r\n: x\r\n", b"1;" + b"x" * 5000])
def test_malformed_chunks_are_recognised(chunks):
    stream = RequestStream()
    stream.feed(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    assert stream.is_within_chunks
    assert not stream.is_garbled
    stream.feed(chunks)
    assert stream.is_garbled


def test_a_head_beyond_the_limit_is_forwarded():
    stream = RequestStream()
    endless = b"GET /" + b"x" * MAX_HEAD
    assert stream.feed(endless) == endless
    assert stream.feed(b"more") == b"more"


@pytest.mark.parametrize(
    ("received", "end"),
    [(b"", -1), (b"a\r\n\r", -1), (b"a\r\n\r\nb\r\n\r\n", 5), (b"a\n\nb", 3), (b"a\r\n\nb", 4), (b"a\n\n\r\n", 3)],
)
def test_a_head_ends_with_its_first_blank_line(received, end):
    assert find_end(received) == end


# ------------------------------------------------------------------ any requests, in any pieces

BODIES = st.binary(max_size=200) | st.sampled_from([b"", b"0\r\n\r\n", b"\r\n\r\n", EMPTY_POST, UPLOAD])
EXTENSIONS = st.sampled_from([b"", b";a=b", b'; c="d"'])
TRAILERS = st.sampled_from([b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nY: 2\r\n"])


@st.composite
def messages(draw):
    """One request as sent, and as it should be forwarded."""
    body = draw(BODIES)
    match draw(st.sampled_from(["none", "length", "both identity", "chunked", "both chunked"])):
        case "none":
            head, fields, framed = b"GET", b"", b""
        case "length":
            head, fields, framed = b"POST", b"Content-Length: %d\r\n" % len(body), body
        case "both identity":
            head, fields, framed = b"POST", b"Content-Length: %d\r\nTransfer-Encoding: identity\r\n" % len(body), body
        case kind:
            sizes = draw(st.lists(st.integers(1, 50), max_size=6))
            chunks, rest = [], body
            for size in sizes:
                chunks.append(rest[:size])
                rest = rest[size:]
            framed = b"".join(
                b"%x%s\r\n%s\r\n" % (len(chunk), draw(EXTENSIONS), chunk) for chunk in [*chunks, rest] if chunk
            )
            framed += b"0" + draw(EXTENSIONS) + b"\r\n" + draw(TRAILERS) + b"\r\n"
            head, fields = b"PUT", b"Transfer-Encoding: chunked\r\n"
            if kind == "both chunked":
                fields = b"Content-Length: %d\r\n" % len(body) + fields
    sent = b"%s /x HTTP/1.1\r\nHost: h\r\n%sAccept: */*\r\n\r\n" % (head, fields)
    return sent + framed, normalise(sent) + framed


@given(st.lists(messages(), min_size=1, max_size=5), st.data())
def test_every_request_of_a_connection_is_normalised_however_its_bytes_are_split(requests, data):
    sent = b"".join(request[0] for request in requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=30)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert forwarded(*pieces) == b"".join(request[1] for request in requests)


@given(st.lists(messages(), min_size=1, max_size=3))
def test_byte_by_byte(requests):
    sent = b"".join(request[0] for request in requests)
    assert forwarded(*(sent[at : at + 1] for at in range(len(sent)))) == b"".join(request[1] for request in requests)


@given(st.text("\r\nx", max_size=12).map(str.encode), st.integers(0, 4))
def test_the_end_of_a_head_follows_the_grammar(received, start):
    found = re.compile(rb"\r?\n\r?\n").search(received, start)
    assert find_end(received, start) == (found.end() if found else -1)


@given(messages(), st.lists(messages(), max_size=2), st.booleans())
def test_once_forwards_only_the_first_request(first, others, together):
    stream = RequestStream(once=True)
    pieces = [first[0], *(other[0] for other in others)]
    assert b"".join(map(stream.feed, [b"".join(pieces)] if together else pieces)) == first[1]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=10))
def test_no_byte_is_added_or_reordered_whatever_is_sent(junk, cuts):
    bounds = [0, *sorted(min(cut, len(junk)) for cut in cuts), len(junk)]
    stream = RequestStream()
    out = b"".join(stream.feed(junk[start:end]) for start, end in pairwise(bounds))
    assert junk.startswith(out)


def test_http_2_is_not_forwarded():
    stream = RequestStream()
    assert stream.feed(b"PRI * HTTP/2.0\r\n\r") == b""
    assert not stream.is_http2
    assert stream.feed(b"\nSM\r\n\r\n") == stream.feed(b"\0\0\0\4") == b""
    assert stream.is_http2
