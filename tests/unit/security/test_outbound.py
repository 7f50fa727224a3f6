"""URLs that somebody else chose: what can be refused before anything is resolved."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from typing import Any

import pytest

from hub.security.outbound import check_url, create_session, is_public

PRIVATE = [
    "https://127.0.0.1/x", "https://10.0.0.1", "https://169.254.169.254/latest/meta-data", "https://192.168.1.1:8443/",
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
]  # fmt: skip
WRONG = [
    "", "push", "//push.example.com/x", "ftp://push.example.com", "javascript:alert(1)", "file:///etc/passwd",
    "https://user:password@push.example.com/", "https://push.example.com/#x", "https:///x",
    "https://push.example.com:port/", "https://push.example.com/ä", "https://push.example.com/ x", "https://[::1",
    "https://push.example.com\\@127.0.0.1/\n",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_url(url, allow_private=False)


@pytest.mark.parametrize("url", WRONG)
@pytest.mark.parametrize("allow", [True, False])
def test_what_is_no_such_url_is_refused(url: str, allow: bool) -> None:
    with pytest.raises(ValueError, match="must"):
        check_url(url, allow_private=allow)


def test_public_ones_pass_and_private_ones_where_allowed() -> None:
    check_url("https://fcm.googleapis.com/fcm/send/abc:def-123_x?y=%20", allow_private=False)
    check_url("https://1.1.1.1:8443/push", allow_private=False)
    check_url("http://127.0.0.1:9000/push", allow_private=True)
    with pytest.raises(ValueError, match=r"of https that.*HUB_ALLOW_PRIVATE_PUSH=true"):
        check_url("http://push.example.com/", allow_private=False)


def test_the_way_out_is_named_where_it_is_one() -> None:
    with pytest.raises(ValueError, match=r"'10.0.0.1' is one; HUB_ALLOW_PRIVATE_PUSH=true allows it"):
        check_url("https://10.0.0.1/", allow_private=False)
    for url, allow in [("ftp://push.example.com", False), ("ftp://push.example.com", True), ("https:///x", False)]:
        with pytest.raises(ValueError, match=r"that names a host$"):
            check_url(url, allow_private=allow)


@pytest.mark.parametrize(
    "address",
    [
        "::7f00:1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
        "2002:7f00:1::", "2001:0:1:1:1:1:80ff:fffe", "fec0::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::1", "::",
        "10.0.0.1", "100.64.0.1", "0.0.0.1", "169.254.169.254", "224.0.0.1", "240.0.0.1", "255.255.255.255", "nonsense",
    ],
)  # fmt: skip
def test_no_way_to_write_a_private_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2a00::1"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


async def test_what_comes_packed_is_not_unpacked() -> None:
    packed, heard = gzip.compress(bytes(10_000_000)), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).lower())
        writer.write(b"HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    async with create_session(allow_private=True, timeout_seconds=30) as session, session.get(url) as answer:
        assert await answer.read() == packed
    assert b"accept-encoding: identity" in heard[0]
    listener.close()
    await listener.wait_closed()


async def test_names_that_nobody_answers_for_leave_the_loops_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered, ask = threading.Semaphore(0), threading.Event(), socket.getaddrinfo

    def silent(host: Any, *args: Any, **named: Any) -> Any:
        if host != "silent.example":
            return ask(host, *args, **named)
        asked.release()
        answered.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    loop = asyncio.get_running_loop()
    sessions = [create_session(allow_private=True, timeout_seconds=60) for _ in range(40)]
    posts = [asyncio.create_task(session.post("http://silent.example/")) for session in sessions]
    try:
        async with asyncio.timeout(30):
            while not asked.acquire(blocking=False):
                await asyncio.sleep(0.01)
            assert await loop.getaddrinfo("127.0.0.1", 80)
    finally:
        answered.set()
        await asyncio.gather(*posts, return_exceptions=True)
        for session in sessions:
            await session.close()
