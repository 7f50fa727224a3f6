"""SMS by Twilio's Messages API (https://www.twilio.com/docs/messaging/api/message-resource).

| answer                                             | follows                                                       |
|----------------------------------------------------|---------------------------------------------------------------|
| 201                                                | Sent, with the message's SID                                  |
| 400, error 21610: they texted STOP                 | Rejected, `suppressed`; Twilio lifts it when they text START  |
| 400, errors of the account or the sender           | Failed: another provider may have what this one lacks         |
| 400, other errors: of the number, or the text      | Rejected                                                      |
| 401, 403, 404: credentials, account                | Failed                                                        |
| 429                                                | Throttled, `Retry-After` heeded                               |
| 5xx, 3xx, no connection                            | Failed                                                        |
| 504, no answer after the message went out          | Failed, handed over: Twilio has no idempotency key            |

Twilio says by a status callback what becomes of a message later (errors 30xxx); `sent` means that it took it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from yarl import URL

from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.model.reason import Reason
from hub.security.outbound import create_session
from workers.answers import read_answer, read_retry_after, why_no_answer

if TYPE_CHECKING:
    import aiohttp

    from hub.twilio import TwilioAccount

MAX_CHARACTERS = 1_600  # Twilio, error 21617; what is longer is cut, with an ellipsis
CONNECT_SECONDS = 5.0
SECONDS = 20.0  # for a whole exchange; below what the frame gives a message
CONNECTIONS = 50  # at once, of a worker
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_STOPPED: Final = 21610
_THEIRS: Final = {
    21211: "the number is not valid",
    21214: "the number cannot be reached",
    21217: "the number is not valid",
    21614: "the number takes no SMS",
    21635: "the number is a landline",
}
_OURS: Final = {
    21212: "the sender's number is not valid",
    21408: "the account may not send to this region",
    21603: "the sender is missing",
    21606: "the sender's number cannot send SMS",
    21608: "a trial account sends to verified numbers only",
    21611: "the sender's queue is full",
    21612: "the sender cannot reach this number",
    21659: "the sender's number is not of this account",
    21660: "the sender's number is not of this account",
    21703: "the messaging service has no sender",
    21705: "the messaging service is not valid",
}


class Twilio:
    """One account. See workers.channels.base.Channel for what it guarantees."""

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        self._url = URL(f"{account.base_url}/2010-04-01/Accounts/{account.account}/Messages.json", encoded=True)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Outcome:
        """See Channel.send. A repeated one cannot be recognised by Twilio: it is a second SMS."""
        import aiohttp  # as in hub.security.outbound

        number, text = message.to.phone, message.rendered.get("text", "").strip()
        if number is None or _E164.fullmatch(number) is None:
            return Rejected("there is no phone number in E.164 form", Reason.NO_ADDRESS)
        if not text:
            return Rejected("there is no text to send")
        form = {"To": number, "Body": shorten(text)}
        if self._account.service is not None:
            form["MessagingServiceSid"] = self._account.service
        else:
            form["From"] = self._account.sender or ""
        if self._session is None:  # the operator chose the host: it may be anywhere
            self._session = create_session(allow_private=True, timeout_seconds=SECONDS, connections=CONNECTIONS)
        headers = {"authorization": aiohttp.encode_basic_auth(self._account.key, self._account.token, "utf-8")}
        timeout = aiohttp.ClientTimeout(total=SECONDS, connect=CONNECT_SECONDS)
        try:
            async with self._session.post(
                self._url, data=form, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return tell(answer.status, answer.headers.get("retry-after"), await read_answer(answer))
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            timed_out = isinstance(error, TimeoutError)
            return Failed(f"no connection within {CONNECT_SECONDS:g} s" if timed_out else why_no_answer(error))
        except TimeoutError:
            return Failed(f"no answer within {SECONDS:g} s", handed_over=True)
        except (aiohttp.ClientError, OSError) as error:
            return Failed(why_no_answer(error), handed_over=True)

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def shorten(text: str) -> str:
    """What one message may hold."""
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1].rstrip() + "…"


def tell(status: int, retry_after: str | None, body: bytes) -> Outcome:
    """What an answer means; the table above. Twilio's own words name the number: they are not passed on."""
    said = _decode(body)
    asked = read_retry_after(retry_after, datetime.now(UTC))
    if 200 <= status < 300:
        sid = said.get("sid")
        return Sent(sid if isinstance(sid, str) else None)
    code = said.get("code")
    detail = f"{status}, error {code}" if isinstance(code, int) else str(status)
    if status == 429:
        return Throttled(asked, detail)
    if status != 400:
        if 400 < status < 500:
            detail = f"{detail}: refuses the account or its credentials"
        return Failed(detail, asked, handed_over=status == 504)
    if code == _STOPPED:
        return Rejected(f"{detail}: the person has texted STOP", Reason.SUPPRESSED)
    if code in _OURS:
        return Failed(f"{detail}: {_OURS[code]}")
    return Rejected(f"{detail}: {_THEIRS[code]}" if code in _THEIRS else detail)


def _decode(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return {}
