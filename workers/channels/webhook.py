"""Webhooks: one message to one endpoint of a backend, signed by Standard Webhooks.

| answer         | follows                                                                                   |
|----------------|-------------------------------------------------------------------------------------------|
| 2xx            | Sent                                                                                      |
| 429            | Throttled, `Retry-After` heeded                                                           |
| anything else  | Failed, `Retry-After` heeded; 410 also says that the endpoint is gone (hub.model.webhook) |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from yarl import URL

from hub.model.outcome import Failed, Outcome, Sent, Throttled
from hub.security.outbound import check_url, create_session
from hub.security.webhooks import sign
from workers.answers import read_answer, read_retry_after, why_no_answer

if TYPE_CHECKING:
    import ssl

    import aiohttp

SECONDS = 15.0  # for a whole exchange: Standard Webhooks asks for 15 to 30
ANSWER_SECONDS = 1.0  # for the rest of an answer whose status is known
USER_AGENT = "notification-hub-webhooks"


class Posting(NamedTuple):
    """One attempt. `keys`: the secrets that sign, the newest first. `body` is the same for every attempt."""

    url: str
    keys: Sequence[str]
    message_id: str
    body: bytes


class Answered(NamedTuple):
    """What came of a posting; `status` None: no answer."""

    outcome: Outcome
    status: int | None = None


def body_of(kind: str, timestamp: str, data: object) -> bytes:
    """A message as it is signed: Standard Webhooks' `type`, `timestamp` and `data`."""
    return msgspec.json.encode({"type": kind, "timestamp": timestamp, "data": data})


class WebhookPoster:
    """Posts to foreign URLs, of public addresses only. Owner: the worker; `close()` may be called twice.

    At least once: an answer that is lost makes the message come again, with the same id. Redirects are not followed. No
    detail holds the URL, or anything that the endpoint wrote.

    Args:
        allow_private: Also http, and any address.
        connections: At once, to all endpoints together.
        context: What certificates are checked with; the machine's authorities by default.
    """

    def __init__(self, *, allow_private: bool, connections: int, context: ssl.SSLContext | None = None) -> None:
        self._allow_private = allow_private
        self._connections = connections
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def post(self, posting: Posting) -> Answered:
        """One attempt; raises nothing that is to be expected of an endpoint."""
        import aiohttp  # as in hub.security.outbound

        try:
            check_url(posting.url, allow_private=self._allow_private)  # stored by another release, or other settings
        except ValueError as error:
            return Answered(Failed(f"its URL {error}"))
        if self._session is None:
            self._session = create_session(
                allow_private=self._allow_private,
                timeout_seconds=SECONDS,
                connections=self._connections,
                context=self._context,
            )
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            **sign(posting.keys, posting.message_id, int(time.time()), posting.body),
        }
        try:
            async with self._session.post(
                URL(posting.url, encoded=True), data=posting.body, headers=headers, allow_redirects=False
            ) as answer:
                await _read_away(answer)
                return Answered(_outcome(answer.status, answer.headers.get("retry-after")), answer.status)
        except TimeoutError:
            return Answered(Failed(f"no answer within {SECONDS:g} s", handed_over=True))
        except (aiohttp.ClientError, OSError) as error:
            return Answered(Failed(why_no_answer(error)))
        except ValueError:  # a host that no resolver takes
            return Answered(Failed("nothing can be sent to its URL"))

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


async def _read_away(answer: aiohttp.ClientResponse) -> None:
    """The rest of an answer whose status is known; one that is long, slow or broken costs the connection."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await read_answer(answer)
    except Exception:
        answer.close()


def _outcome(status: int, retry_after: str | None) -> Outcome:
    asked = read_retry_after(retry_after, datetime.now(UTC))
    if 200 <= status < 300:
        return Sent()
    if status == 429:
        return Throttled(asked, "429")
    return Failed(f"{status}: redirects are not followed" if 300 <= status < 400 else str(status), asked)
