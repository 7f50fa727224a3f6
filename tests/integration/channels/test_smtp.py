"""The e-mail channel against real servers: of aiosmtpd, and raw ones that do what no server should."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hub.model.mail_address import parse_mailbox
from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.model.reason import Reason
from hub.providers import parse_providers
from hub.smtp import read_server
from tests.support.certificates import Authority
from tests.support.mail_sink import Talk, mail_sink, raw_server
from tests.support.mails import mail
from workers.channels import smtp, smtp_pool
from workers.channels.smtp import Smtp


@asynccontextmanager
async def channel(
    url: str,
    *,
    bounced: list[Message] | None = None,
    **options: Any,
) -> AsyncIterator[Smtp]:
    (provider,) = parse_providers("email", SecretStr(url), ("smtp", "smtps"))

    async def on_bounce(message: Message, _detail: str) -> None:
        if bounced is not None:
            bounced.append(message)

    made = Smtp(
        read_server(provider),
        parse_mailbox("Acme <news@example.com>"),
        on_bounce=on_bounce,
        **options,
    )
    try:
        yield made
    finally:
        await made.close()
        await made.close()


async def test_a_mail_arrives_and_its_queue_id_is_kept() -> None:
    async with mail_sink() as sink, channel(sink.url) as made:
        texts = {"subject": "Grüße", "text": ".\n..\n.x\nfrom", "html": "<p>Hällo</p>"}
        message = mail(rendered=texts, unsubscribe_url="https://hub.example.com/l/u/6cZb0xM2")
        assert await made.send(message) == Sent("OK: queued as Q1")
    (received,) = sink.mails
    assert (received.sender, received.recipients) == ("news@example.com", ["ada@example.org"])
    found = received.message
    assert found["Subject"] == "Grüße"
    assert found["Message-ID"] == f"<{message.delivery_id}@example.com>"
    assert found["List-Unsubscribe"] == "<https://hub.example.com/l/u/6cZb0xM2>"
    plain, html = found.iter_parts()
    assert plain.get_content() == ".\r\n..\r\n.x\r\nfrom\r\n"
    assert html.get_content().strip() == "<p>Hällo</p>"


@pytest.mark.parametrize(
    ("step", "answer", "outcome", "bounces"),
    [
        ("MAIL", "550 5.7.1 sender", Failed, False),
        ("MAIL", "451 4.3.0 later", Failed, False),
        ("MAIL", "452 4.5.3 too many", Throttled, False),
        ("MAIL", "552 5.3.4 size", Rejected, False),
        ("RCPT", "550 5.1.1 unknown", Rejected, True),
        ("RCPT", "550 5.7.1 policy", Rejected, False),
        ("RCPT", "452 4.2.2 full", Failed, False),
        ("RCPT", "450 4.7.1 greylisted", Failed, False),
        ("RCPT", "554 5.7.1 Relay access denied", Failed, False),
        ("DATA", "554 5.7.1 spam", Rejected, False),
        ("DATA", "451 4.3.0 later", Failed, False),
        ("DATA", "454 Throttling failure", Throttled, False),
        ("DATA", "550 5.1.1 unknown", Rejected, True),
    ],
)
async def test_a_refusal_is_told_apart_and_leaves_the_connection_usable(
    step: str, answer: str, outcome: type, *, bounces: bool
) -> None:
    bounced: list[Message] = []
    async with mail_sink() as sink, channel(sink.url, bounced=bounced) as made:
        sink.script[step] = answer
        refused = mail()
        found = await made.send(refused)
        assert isinstance(found, outcome), found
        assert bounced == ([refused] if bounces else [])
        assert not isinstance(found, Failed) or not found.handed_over
        sink.script.clear()
        assert isinstance(await made.send(mail("bob@example.org")), Sent)
        assert sink.connections == 1
    assert [received.recipients for received in sink.mails] == [["bob@example.org"]]


async def test_many_share_few_connections_and_none_is_mixed_up() -> None:
    messages = [mail(f"u{n}@example.org", rendered={"subject": str(n), "text": f"text {n}"}) for n in range(150)]
    async with mail_sink() as sink, channel(f"{sink.url}?connections=3") as made:
        outcomes = await asyncio.gather(*(made.send(message) for message in messages))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert sink.connections == 3
    assert sorted((r.recipients[0], r.message["Subject"]) for r in sink.mails) == sorted(
        (f"u{n}@example.org", str(n)) for n in range(150)
    )


async def test_a_connection_is_renewed_after_so_many_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "MESSAGES", 2)
    async with mail_sink() as sink, channel(sink.url) as made:
        for _ in range(5):
            assert isinstance(await made.send(mail()), Sent)
        assert sink.connections == 3


async def test_an_idle_connection_is_asked_and_then_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "DOUBT_SECONDS", 0.0)
    async with mail_sink() as sink, channel(sink.url) as made:
        for _ in range(2):
            assert isinstance(await made.send(mail()), Sent)
        assert sink.connections == 1
        monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.05)
        monkeypatch.setattr(smtp_pool, "MESSAGES", 1_000)
        made._pool._sweep()
        async with asyncio.timeout(10):
            while made._pool._all:
                await asyncio.sleep(0.01)
        assert isinstance(await made.send(mail()), Sent)
        assert sink.connections == 2


async def test_a_server_that_was_restarted_is_connected_to_again() -> None:
    async with mail_sink() as sink, channel(sink.url) as made:
        assert isinstance(await made.send(mail()), Sent)
    async with mail_sink(port=sink.port) as again:
        # A loop that has not yet heard of the end of the old connection finds out by its silence.
        assert isinstance(await made.send(mail()), Sent)
        await made.close()
    assert len(again.mails) == 1


async def test_a_large_mail_is_refused_before_it_is_sent() -> None:
    async with mail_sink(data_size_limit=10_000) as sink, channel(sink.url) as made:
        found = await made.send(mail(rendered={"subject": "s", "text": "x" * 20_000}))
        assert isinstance(found, Rejected)
        assert "10000" in found.detail
        assert isinstance(await made.send(mail()), Sent)
    assert len(sink.mails) == 1


async def test_international_addresses() -> None:
    async with mail_sink() as sink, channel(sink.url) as made:
        assert isinstance(await made.send(mail("ada@bücher.example")), Sent)
        assert isinstance(await made.send(mail("üser@bücher.example")), Sent)
        assert [r.recipients for r in sink.mails] == [["ada@xn--bcher-kva.example"], ["üser@xn--bcher-kva.example"]]
    async with mail_sink(enable_SMTPUTF8=False) as sink, channel(sink.url) as made:
        found = await made.send(mail("üser@example.org"))
        assert isinstance(found, Rejected)
        assert "SMTPUTF8" in found.detail
        assert isinstance(await made.send(mail("ada@bücher.example")), Sent)


async def test_what_cannot_be_sent_is_rejected_with_a_reason() -> None:
    async with mail_sink() as sink, channel(sink.url) as made:
        assert await made.send(mail(None)) == Rejected("there is no address", Reason.NO_ADDRESS)
        assert isinstance(await made.send(mail("a@b..c")), Rejected)
        assert isinstance(await made.send(mail(kind="withdrawal")), Rejected)
        assert isinstance(await made.send(mail()), Sent)
    (received,) = sink.mails
    assert "List-Unsubscribe" not in received.message


async def test_bounces_go_where_the_url_says() -> None:
    async with mail_sink() as sink, channel(f"{sink.url}?bounces=bounces%40example.net") as made:
        await made.send(mail())
    assert sink.mails[0].sender == "bounces@example.net"


# Security


async def test_starttls_login_and_wrong_ones(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, users = authority.context("127.0.0.1"), {"us@er": "p/w,:"}
    query = f"starttls=true&tls_ca={authority.ca_file}"
    async with mail_sink(certificate=good, users=users) as sink:
        at = f"127.0.0.1:{sink.port}"
        async with channel(f"smtp://us%40er:p%2Fw%2C%3A@{at}?{query}") as made:
            assert isinstance(await made.send(mail()), Sent)
        async with channel(f"smtp://us%40er:wrong@{at}?{query}") as made:
            found = await made.send(mail())
            assert isinstance(found, Failed)
            assert "535" in found.detail
            assert "wrong" not in found.detail
        async with channel(f"smtp://us%40er:p%2Fw%2C%3A@{at}?starttls=true") as made:
            await refused(made, "certificate")
    async with mail_sink() as sink, channel(f"{sink.url}?{query}") as made:
        await refused(made, "STARTTLS")


async def refused(made: Smtp, word: str) -> None:
    found = await made.send(mail())
    assert isinstance(found, Failed), found
    assert word in found.detail
    assert not found.handed_over


async def test_tls_from_the_start_and_a_certificate_of_another_host(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for host, taken in (("127.0.0.1", True), ("mail.example.org", False)):
        async with (
            mail_sink(certificate=authority.context(host), implicit=True) as sink,
            channel(f"smtps://127.0.0.1:{sink.port}?tls_ca={authority.ca_file}") as made,
        ):
            if taken:
                assert isinstance(await made.send(mail()), Sent)
            else:
                await refused(made, "certificate")


# Servers that do what no server should


Step = str | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]
CLOSE, RESET, SILENCE = "close", "reset", "silence"


def scripted(*steps: Sequence[str], extensions: Sequence[str] = ()) -> Talk:
    """A server that answers each command in turn: the steps of one connection, the last list again and again."""
    served = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        mine = steps[min(served, len(steps) - 1)]
        served += 1
        writer.write(b"220 raw\r\n")
        await reader.readline()
        lines = ["raw", *extensions]
        hello = [f"250{' ' if n == len(lines) - 1 else '-'}{line}\r\n" for n, line in enumerate(lines)]
        writer.write("".join(hello).encode())
        in_data = False
        for step in mine:
            while (line := await reader.readline()) and in_data and line != b".\r\n":
                pass
            in_data = step.startswith("354")
            if step == CLOSE:
                return
            if step == RESET:
                writer.transport.abort()
                return
            if step == SILENCE:
                await asyncio.Event().wait()
            writer.write(step.encode() + b"\r\n")
        await reader.read()

    return talk


OK, GO = "250 2.0.0 OK", "354 go on"
PIPELINES = [(), ("PIPELINING",)]


async def sent_to(talk: Talk, **options: Any) -> Outcome:
    async with raw_server(talk) as port, channel(f"smtp://127.0.0.1:{port}", **options) as made:
        return await made.send(mail())


@pytest.mark.parametrize("extensions", PIPELINES, ids=["plain", "pipelining"])
@pytest.mark.parametrize("steps", [[CLOSE], [OK, CLOSE], [OK, OK, CLOSE], [RESET], [OK, OK, RESET]])
async def test_a_connection_lost_before_the_content_is_safe_to_repeat(
    steps: list[str], extensions: Sequence[str]
) -> None:
    found = await sent_to(scripted(steps, extensions=extensions))
    assert isinstance(found, Failed)
    assert not found.handed_over
    assert "lost" in found.detail


@pytest.mark.parametrize("extensions", PIPELINES, ids=["plain", "pipelining"])
@pytest.mark.parametrize("end", [CLOSE, RESET])
async def test_a_connection_lost_after_the_content_may_have_sent_it(end: str, extensions: Sequence[str]) -> None:
    found = await sent_to(scripted([OK, OK, GO, end], extensions=extensions))
    assert isinstance(found, Failed)
    assert found.handed_over


@pytest.mark.parametrize(
    ("steps", "handed_over"), [([SILENCE], False), ([OK, OK, SILENCE], False), ([OK, OK, GO, SILENCE], True)]
)
async def test_a_silent_server_is_left_and_it_is_known_when(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, *, handed_over: bool
) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 0.5)
    found = await sent_to(scripted(steps))
    assert isinstance(found, Failed)
    assert found.handed_over is handed_over
    assert "no answer within" in found.detail


async def test_nothing_is_kept_for_a_server_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 2.0)
    left = asyncio.Event()
    received: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 raw\r\n")
        for answer in (b"250 raw", b"250 OK", b"250 OK", b"354 go"):
            await reader.readline()
            writer.write(answer + b"\r\n")
        await left.wait()
        size = 0
        while piece := await reader.read(64 * 1024):
            size += len(piece)
        received.set_result(size)

    size = 32 * 1024 * 1024  # more than sockets hold
    async with raw_server(talk) as port, channel(f"smtp://127.0.0.1:{port}") as made:
        found = await made.send(mail(rendered={"subject": "s", "text": ("x" * 63 + "\n") * (size // 64)}))
        assert isinstance(found, Failed)
        assert found.handed_over
        left.set()
        async with asyncio.timeout(30):
            assert await received < size


async def test_a_server_that_never_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "CONNECT_SECONDS", 0.3)

    async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    found = await sent_to(talk)
    assert isinstance(found, Failed)
    assert not found.handed_over


async def test_a_slow_drip_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 0.5)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 raw\r\n")
        await reader.readline()
        writer.write(b"250 raw\r\n")
        while True:
            writer.write(b"2")
            await asyncio.sleep(0.02)

    found = await sent_to(talk)
    assert isinstance(found, Failed)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 200_000,
        b"hello\r\n" * 3,
        b"250-x\r\n" * 30_000,
        b"2x0 ok\r\n",
        b"\r\n\r\n",
        b"25\r\n",
        "٢٥٠ ok\r\n".encode(),
    ],
)
async def test_what_is_no_reply_is_no_success(garbage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 5.0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 raw\r\n")
        await reader.readline()
        writer.write(b"250 raw\r\n")
        await reader.readline()
        writer.write(garbage)
        await reader.read()

    found = await sent_to(talk)
    assert isinstance(found, Failed)
    assert not found.handed_over


async def test_a_greeting_that_refuses_is_the_providers_fault() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 5.7.1 <secret@example.org> not you\r\n")
        await reader.read()

    found = await sent_to(talk)
    assert isinstance(found, Failed)
    assert "554" in found.detail
    assert "secret" not in found.detail


async def test_nobody_listens() -> None:
    async with raw_server(scripted([])) as port:
        pass
    async with channel(f"smtp://127.0.0.1:{port}") as made:
        await refused(made, "refused")


@pytest.mark.parametrize("extensions", PIPELINES, ids=["plain", "pipelining"])
async def test_421_in_the_middle_is_not_about_the_recipient(extensions: Sequence[str]) -> None:
    found = await sent_to(scripted([OK, "421 4.3.2 closing", CLOSE], extensions=extensions))
    assert isinstance(found, Failed)
    assert "421" in found.detail
    assert not found.handed_over


@pytest.mark.parametrize("extensions", PIPELINES, ids=["plain", "pipelining"])
async def test_a_kept_connection_that_is_closed_costs_no_attempt(extensions: Sequence[str]) -> None:
    first = [OK, OK, GO, OK]
    for end in ([CLOSE], ["421 4.4.2 idle for too long", CLOSE]):
        talk = scripted([*first, *end], first, extensions=extensions)
        async with raw_server(talk) as port, channel(f"smtp://127.0.0.1:{port}") as made:
            assert isinstance(await made.send(mail()), Sent)
            assert isinstance(await made.send(mail()), Sent), end


async def test_a_pipelining_server_that_wants_content_for_nobody_gets_none() -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 raw\r\n")
        await reader.readline()
        writer.write(b"250-raw\r\n250 PIPELINING\r\n")
        for replies in (b"250 ok\r\n", b"550 5.1.1 no\r\n", b"354 go on\r\n"):
            await reader.readline()
            writer.write(replies)
        seen.append(await reader.readline())
        writer.write(b"554 5.5.1 no valid recipients\r\n")
        for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
            seen.append(await reader.readline())
            writer.write(reply)
        while await reader.readline() != b".\r\n":
            pass
        writer.write(b"250 taken\r\n")
        await reader.read()

    bounced: list[Message] = []
    async with raw_server(talk) as port, channel(f"smtp://127.0.0.1:{port}", bounced=bounced) as made:
        found = await made.send(mail())
        assert isinstance(found, Rejected)
        assert isinstance(await made.send(mail("bob@example.org")), Sent)
    assert len(bounced) == 1
    assert [line.split()[0] for line in seen] == [b".", b"MAIL", b"RCPT", b"DATA"]


async def test_cancelling_leaves_no_connection_out_of_step() -> None:
    async with mail_sink() as sink, channel(f"{sink.url}?connections=1") as made:
        sink.hold = asyncio.Event()
        sending = asyncio.create_task(made.send(mail("first@example.org")))
        async with asyncio.timeout(10):
            while not sink.mails:
                await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        sink.hold = None
        assert await made.send(mail("second@example.org")) == Sent("OK: queued as Q2")


async def test_what_follows_a_bounce_may_fail() -> None:
    async with mail_sink() as sink:
        (provider,) = parse_providers("email", SecretStr(sink.url), ("smtp",))

        async def broken(_message: Message, _detail: str) -> None:
            raise RuntimeError("the database is away")

        made = Smtp(read_server(provider), parse_mailbox("a@b.example"), on_bounce=broken)
        sink.script["RCPT"] = "550 5.1.1 no"
        assert isinstance(await made.send(mail()), Rejected)
        await made.close()


async def test_secrets_are_sent_only_to_the_server_and_only_when_asked(tmp_path: Path) -> None:
    """A server on another host that offers no encryption never sees the password."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 raw\r\n")
        heard.append(await reader.readline())
        writer.write(b"250-raw\r\n250 AUTH PLAIN LOGIN\r\n")
        heard.append(await reader.read())

    async with raw_server(talk) as port, channel(f"smtp://user:secret@127.0.0.1:{port}?starttls=true") as made:
        await refused(made, "STARTTLS")
    assert b"secret" not in b"".join(heard)
    assert base64.b64encode(b"\0user\0secret") not in b"".join(heard)
