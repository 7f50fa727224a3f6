"""Requests that are read in one go: never otherwise than a parser reads them."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.web.usual import BODY_BYTES, HEAD_BYTES, Usual, read_usual

LINE = b"POST /v1 HTTP/1.1\r\n"


class Heard:
    """What the parser says of a request."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.headed = self.complete = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.headed += 1

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


def parsed(data: bytes) -> tuple[Heard, httptools.HttpRequestParser]:
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    parser.feed_data(data)
    return heard, parser


names = st.sampled_from(
    ["Host", "content-length", "Content-Length", "Transfer-Encoding", "Connection",
     "Proxy-Connection", "Expect", "Upgrade", "TE", "X-A", "Authorization", "X_A", "", " X", "X ", "\tX", "é"]
)  # fmt: skip
values = st.sampled_from(
    ["hub", "0", "1", "2", "+2", "2 ", "0x2", "2, 2", "02", "99999", "chunked", "close", "keep-alive", "Keep-Alive",
     "100-continue", "websocket", "", "a\nb", "a\r\nb: c", "a\r", "\x00", "é", "a\tb", "Bearer x"]
)  # fmt: skip
fields = st.lists(st.tuples(names, st.sampled_from([":", ": ", " : ", ""]), values), max_size=5)
bodies = st.sampled_from([b"", b"{", b"{}", b"{} ", b"{}POST /v1 HTTP/1.1\r\nHost: b\r\n\r\n"])
lines = st.sampled_from(
    [LINE, LINE.replace(b"1.1", b"1.0"), b"GET /v1 HTTP/1.1\r\n", b"POST /v1?a HTTP/1.1\r\n", b"\r\n" + LINE]
)


def request_of(line: bytes, given_fields: list[tuple[str, str, str]], body: bytes) -> bytes:
    head = "".join(f"{name}{colon}{value}\r\n" for name, colon, value in given_fields)
    return line + head.encode("utf-8") + b"\r\n" + body


@given(lines, fields, bodies)
@example(LINE, [("Host", ": ", "hub"), ("Content-Length", ": ", "2")], b"{}")
@example(LINE, [("Host", ": ", "hub"), ("Content-Length", ":", "2")], b"{")
@example(LINE, [("Content-Length", ": ", "2"), ("content-length", ": ", "3")], b"{} ")
def test_it_is_never_read_otherwise_than_a_parser_reads_it(
    line: bytes, given_fields: list[tuple[str, str, str]], body: bytes
) -> None:
    data = request_of(line, given_fields, body)
    found = read_usual(data, LINE)
    if found is None:
        return
    heard, parser = parsed(data)  # raises for what is no HTTP
    assert (parser.get_method(), heard.url, parser.get_http_version()) == (b"POST", b"/v1", "1.1")
    assert (list(found.fields.items()), found.body) == (heard.fields, heard.body)
    assert (heard.headed, heard.complete) == (1, found.missing == 0)
    assert parser.should_keep_alive()
    assert not parser.should_upgrade()


def usual(*given_fields: str, body: bytes = b"{}") -> Usual | None:
    lines_of = [*given_fields, f"Content-Length: {len(body)}"]
    return read_usual(LINE + "\r\n".join([*lines_of, "", ""]).encode("ascii") + body, LINE)


def test_what_clients_send_is_usual() -> None:
    found = usual("Host: hub", "Authorization: Bearer hk_1", "Connection: keep-alive", "Accept: */*")
    assert found is not None
    assert (found.fields[b"authorization"], found.body, found.missing) == (b"Bearer hk_1", b"{}", 0)
    assert read_usual(LINE + b"Host: hub\r\nContent-Length: 5\r\n\r\n{", LINE) == (
        {b"host": b"hub", b"content-length": b"5"},
        b"{",
        4,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
        ("Upgrade", "h2c"),
        ("Connection", "close"),
        ("Proxy-Connection", "close"),
        ("Content-Length", "2"),  # once more
        ("Trailer", "Digest"),
        ("TE", "trailers"),
    ],
)
def test_what_says_more_than_that_is_left_to_the_parser(name: str, value: str) -> None:
    assert usual("Host: hub") is not None
    assert usual("Host: hub", f"{name}: {value}") is None


def test_it_has_its_bounds() -> None:
    assert usual("X: " + "a" * (HEAD_BYTES - len(LINE) - 32)) is not None
    assert usual("X: " + "a" * HEAD_BYTES) is None
    assert usual(body=b"a" * BODY_BYTES) is not None
    assert usual(body=b"a" * (BODY_BYTES + 1)) is None
    assert usual(*(f"X-{number}: a" for number in range(64))) is None
