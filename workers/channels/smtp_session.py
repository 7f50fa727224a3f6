"""One SMTP connection that is ready for mail: whole transactions, with as few round trips as the server allows.

Made of a connection that aiosmtplib has opened, encrypted and logged in; from then on this protocol has its transport.
aiosmtplib waits for the reply to each command; here MAIL, RCPT and DATA go together where the server offers PIPELINING
(RFC 2920), which halves what a mail waits for, and a mail costs 60 µs of CPU in place of 260 (November 2026).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple

from hub.model.mime import Mail
from hub.model.outcome import Rejected, Sent
from hub.model.smtp_replies import Phase, Reading, read_reply

MAX_REPLY_BYTES = 64 * 1024  # a multi-line reply; RFC 5321, section 4.5.3.1.5 allows lines of 512
MAX_REFERENCE = 200  # characters of what a server says when it takes a mail; its queue id is among them

_CODE = re.compile(rb"[0-9]{3}(?:[ -]|\Z)")


class Reply(NamedTuple):
    code: int
    text: str


class Lost(Exception):
    """The connection ended, or went out of step; `replies` came before that."""

    def __init__(self, replies: list[Reply]) -> None:
        super().__init__("the connection was lost")
        self.replies = replies


class Session(asyncio.Protocol):
    """One transaction at a time. Owner: the pool; `close()` may be called twice.

    Attributes:
        phase: What the transaction under way, or the last one, has come to.
        used: Transactions that were begun.
    """

    def __init__(self, transport: asyncio.Transport, extensions: dict[str, str], on_lost: Callable[[Session], None]):
        self.phase = Phase.HELLO
        self.used = 0
        self.idle_since = 0.0
        self._transport = transport
        self._on_lost = on_lost
        self._pipelining = "pipelining" in extensions
        self._international = "smtputf8" in extensions
        size = extensions.get("size", "").strip()
        self._max_bytes = int(size) if size.isascii() and size.isdigit() and len(size) < 19 else 0  # RFC 1870: 0: any
        self._begun = False  # a transaction that has to be reset
        self._buffer = b""
        self._lines: list[str] = []
        self._reply_bytes = 0
        self._replies: list[Reply] = []
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._open = True

    @property
    def is_open(self) -> bool:
        return self._open and not self._transport.is_closing()

    async def deliver(self, sender: str, mail: Mail) -> Sent | Reading:
        """Hands one mail over. Cancelling leaves the connection out of step: close it.

        Raises:
            Lost: the connection ended; `phase` says when, and from BODY on the mail may have been taken.
        """
        if self._max_bytes and len(mail.content) > self._max_bytes:
            return Reading(Rejected(f"the mail has {len(mail.content)} bytes, and the server takes {self._max_bytes}"))
        if mail.international and not self._international:
            return Reading(Rejected("the address is not ASCII before its @, and the server takes no such (SMTPUTF8)"))
        self.used += 1
        refused = await self._announce(sender, mail)
        if refused is not None:
            return refused
        self.phase = Phase.BODY
        content = mail.content.replace(b"\r\n.", b"\r\n..")  # RFC 5321, section 4.5.2; the first line is a header
        self._begun = False
        (reply,) = await self._exchange(content + b".\r\n", 1)
        if reply.code // 100 == 2:
            return Sent(reply.text[:MAX_REFERENCE] or None)
        return self._read(Phase.BODY, reply)

    async def _announce(self, sender: str, mail: Mail) -> Reading | None:
        """Everything before the content; why the server does not want it."""
        options = b" BODY=8BITMIME SMTPUTF8" if mail.international else b""
        steps = [
            (Phase.MAIL, b"MAIL FROM:<%b>%b\r\n" % (sender.encode("ascii"), options)),
            (Phase.RCPT, b"RCPT TO:<%b>\r\n" % mail.recipient.encode("utf-8")),
            (Phase.DATA, b"DATA\r\n"),
        ]
        if self._begun:
            steps.insert(0, (Phase.MAIL, b"RSET\r\n"))
        self.phase, self._begun = Phase.MAIL, True
        if self._pipelining:
            return await self._announce_at_once(steps)
        for phase, command in steps:
            self.phase = phase
            (reply,) = await self._exchange(command, 1)
            if not _accepts(phase, reply):
                return self._read(phase, reply)
        return None

    async def _announce_at_once(self, steps: list[tuple[Phase, bytes]]) -> Reading | None:
        try:
            replies = await self._exchange(b"".join(command for _, command in steps), len(steps))
        except Lost as lost:
            replies = lost.replies
            if all(_accepts(phase, reply) for (phase, _), reply in zip(steps, replies, strict=False)):
                raise
        for (phase, _), reply in zip(steps, replies, strict=False):
            if not _accepts(phase, reply):
                self.phase = phase
                reading = self._read(phase, reply)
                if len(replies) == len(steps) and replies[-1].code == 354 and self.is_open:
                    await self._exchange(b".\r\n", 1)  # RFC 2920, section 3.1: a mail to nobody
                    self._begun = False
                return reading
        return None

    def _read(self, phase: Phase, reply: Reply) -> Reading:
        reading = read_reply(phase, reply.code, reply.text)
        if reading.hang_up:
            self.close()
        return reading

    async def alive(self) -> bool:
        """Whether the server still answers; asked after a pause. Raises nothing but what cancels it."""
        try:
            (reply,) = await self._exchange(b"NOOP\r\n", 1)
        except Lost:
            return False
        return reply.code // 100 == 2

    async def _exchange(self, data: bytes, replies: int) -> list[Reply]:
        if not self.is_open:
            raise Lost([])
        assert self._waiter is None, "one transaction at a time"
        self._wanted, self._replies = replies, []
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._wanted = 0
        return self._replies

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line, self._buffer = self._buffer[:end].rstrip(b"\r"), self._buffer[end + 1 :]
            if not self._take(line):
                self._lose()
                return
        if len(self._buffer) > MAX_REPLY_BYTES:
            self._lose()

    def _take(self, line: bytes) -> bool:
        """One line of a reply; False: the server is out of step."""
        self._reply_bytes += len(line) + 2
        if _CODE.match(line) is None or self._reply_bytes > MAX_REPLY_BYTES:
            return False
        self._lines.append(line[4:].decode("utf-8", "replace"))
        if line[3:4] == b"-":
            return True
        reply = Reply(int(line[:3]), "\n".join(self._lines))
        self._lines.clear()
        self._reply_bytes = 0
        if len(self._replies) >= self._wanted:
            return False  # unasked: 421, before it closes
        self._replies.append(reply)
        if len(self._replies) == self._wanted and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        return True

    def eof_received(self) -> bool:
        return False  # closes

    def connection_lost(self, _error: Exception | None) -> None:
        self._lose()

    def _lose(self) -> None:
        was_open, self._open = self._open, False
        self._transport.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Lost(self._replies))
        if was_open:
            self._on_lost(self)

    def abort(self) -> None:
        """Ends it at once: a server that does not read would never let what is still to be sent go."""
        self._lose()

    def close(self) -> None:
        """Says goodbye, and does not wait for the answer."""
        if self.is_open and self._waiter is None:
            self._transport.write(b"QUIT\r\n")
            self._open = False
            self._transport.close()
        elif self._open:
            self._open = False
            self._transport.abort()


def _accepts(phase: Phase, reply: Reply) -> bool:
    return reply.code == 354 if phase is Phase.DATA else reply.code // 100 == 2
