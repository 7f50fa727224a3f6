"""E-mail over SMTP: one server. Its settings are hub/smtp.py's; what it answers, hub/model/smtp_replies.py reads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from hub.model.mail_address import Mailbox
from hub.model.message import Message
from hub.model.mime import Mail, write_mail
from hub.model.outcome import Failed, Outcome, Rejected, Sent
from hub.model.reason import Reason
from hub.model.smtp_replies import Phase, Reading, read_reply
from hub.smtp import SmtpFailure, SmtpServer
from workers.channels.smtp_pool import Pool
from workers.channels.smtp_session import Lost, Session

log = structlog.get_logger("hub.smtp")

SEND_SECONDS = 25.0  # less than the 30 that a route gives, so that the outcome says in which phase it was
_ADDRESS = re.compile(r"\S*@\S*")
_STATUS = re.compile(r"2\.\d{1,3}\.\d{1,3}\s+")


class Smtp:
    """A channel (workers/channels/base.py) over one mail server.

    What a server has taken once it may take again after a crash; both have one Message-ID, by which receivers can tell.

    Args:
        sender: Of all mails.
        on_bounce: Called when the server says that nobody is at the address.
        more: Headers that this server wants.
    """

    def __init__(
        self,
        server: SmtpServer,
        sender: Mailbox,
        *,
        on_bounce: Callable[[Message, str], Awaitable[None]],
        more: Callable[[Message], Sequence[tuple[str, str]]] = lambda _message: (),
    ) -> None:
        self._sender = sender
        self._return_path = server.bounces or sender.address
        self._on_bounce = on_bounce
        self._more = more
        self._pool = Pool(server)

    async def send(self, message: Message) -> Outcome:
        if message.kind != "step":
            return Rejected("a mail cannot be taken back")
        if message.to.email is None:
            return Rejected("there is no address", Reason.NO_ADDRESS)
        try:
            now = datetime.now(UTC)
            mail = write_mail(message, self._sender, now, more=self._more(message))
        except ValueError as error:
            return Rejected(str(error))
        reading = await self._deliver(mail)
        if isinstance(reading, Sent):
            return Sent(_reference(reading))
        if reading.bounce:
            await self._suppress(message, reading)
        return reading.outcome

    async def _deliver(self, mail: Mail) -> Sent | Reading:
        """One transaction; a second one where a kept connection turns out to be gone before anything was said."""
        under_way = _UnderWay()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                found, stale = await self._attempt(mail, under_way, fresh=False)
                if stale:
                    found, _ = await self._attempt(mail, under_way, fresh=True)
                return found
        except TimeoutError:
            return under_way.broken(f"no answer within {SEND_SECONDS:g} s")

    async def _attempt(self, mail: Mail, under_way: _UnderWay, *, fresh: bool) -> tuple[Sent | Reading, bool]:
        """What came of it, and whether that may be for the connection's age alone."""
        under_way.session = None
        try:
            session = await self._pool.take(fresh=fresh)
        except SmtpFailure as failure:
            if failure.reply is None:
                return Reading(Failed(failure.detail)), False
            return read_reply(failure.phase, *failure.reply), False
        under_way.session, used = session, session.used > 0
        try:
            found = await session.deliver(self._return_path, mail)
        except Lost:
            self._pool.drop(session)
            return under_way.broken("the connection was lost"), used and session.phase is Phase.MAIL
        except BaseException:
            self._pool.drop(session)
            raise
        self._pool.give(session)
        return found, used and isinstance(found, Reading) and found.hang_up and session.phase is Phase.MAIL

    async def _suppress(self, message: Message, reading: Reading) -> None:
        """What follows from a bounce must not undo that it was found."""
        assert isinstance(reading.outcome, Rejected)
        try:
            await self._on_bounce(message, reading.outcome.detail)
        except Exception:
            log.exception("smtp.bounce_not_recorded", delivery=str(message.delivery_id))

    async def close(self) -> None:
        await self._pool.close()


class _UnderWay:
    """Which connection an attempt has come to, if any."""

    session: Session | None = None

    def broken(self, what: str) -> Reading:
        """It ended without a reply; whether the mail was taken is not known once its content was under way."""
        if self.session is None:
            return Reading(Failed(f"{what}: no connection came free"))
        phase = self.session.phase
        return Reading(Failed(f"{what} when {phase.value}", handed_over=phase is Phase.BODY))


def _reference(sent: Sent) -> str | None:
    """What the server said, without its enhanced code, and without addresses."""
    text = _STATUS.sub("", _ADDRESS.sub("…", sent.reference or "")).strip()
    return text or None
