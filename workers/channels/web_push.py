"""Web push: RFC 8030 (the protocol), 8291 (encryption), 8292 (VAPID).

A message goes to all of a person's browsers at once. What each push service says, and what follows:

| answer                      | of one browser                             | of all of them                           |
|-----------------------------|--------------------------------------------|------------------------------------------|
| 2xx                         | it has it                                  | Sent; the end of one's `Location` is its |
|                             |                                            | reference: whole, it could take it back  |
| 404, 410                    | is gone: removed                           | Rejected, `no_address`                   |
| 413, other 4xx              | never will                                 | Rejected, unless another has it          |
| 400, 401, 403               | refuses our key or request                 | Failed                                   |
| 429 (406 of WNS)            | asks for patience, of `Retry-After`        | Throttled, or Failed where some have it  |
| 5xx, 408, 3xx, no answer    | failed, `Retry-After` heeded               | Failed; the next attempt leaves out      |
|                             |                                            | those that have it                       |

Redirects are not followed. A repeated push has the topic of the first, so that a browser that was offline gets one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import aiohttp
import structlog
from py_vapid import Vapid02
from pywebpush import WebPusher
from yarl import URL

from hub.bus.tasks import end
from hub.model.message import Browser, Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.model.reason import Reason
from hub.security.links import sign_link
from hub.security.outbound import create_session
from hub.security.vapid import decode, read_key
from hub.store import push_subscriptions
from hub.store.database import GONE, Database
from hub.web.origins import origin_of
from workers.answers import read_rest, read_retry_after, why_no_answer
from workers.channels.push_origins import SILENT_SECONDS, STRANGERS, Origin
from workers.channels.push_payload import headers, payload

if TYPE_CHECKING:
    import ssl

    from hub.config import Settings

log = structlog.get_logger("hub.push")

TIMEOUT_SECONDS = 10.0  # for one exchange; well below what the frame gives a message
CONNECTIONS = 400  # at once: twice a sender's slots, as many people have more than one browser
MAX_ORIGINS = 1_000  # remembered; subscriptions name whom they like
TOKEN_LIFE = timedelta(hours=12)  # RFC 8292, section 2: at most 24 hours
TOKEN_RENEWAL = timedelta(hours=1)  # before its end: clocks differ
MAX_ASKED = timedelta(hours=1)  # of one service's Retry-After, where a message waits for several
APPLE: Final = ".push.apple.com"
"""Safari takes the permission to notify away from a page whose pushes show nothing: withdrawals do not go there."""


class Result(Enum):
    REACHED = auto()
    GONE = auto()
    REFUSED = auto()
    DENIED = auto()  # our key, or our request: nothing that a repetition by itself mends, but somebody may
    FAILED = auto()
    THROTTLED = auto()


class Told(NamedTuple):
    """What came of one push to one browser."""

    result: Result
    detail: str = ""
    retry_after: timedelta | None = None
    reference: str | None = None
    handed_over: bool = False


class _Service:
    """A push service: how it stands, and the proof of who we are that it takes."""

    def __init__(self, origin: str) -> None:
        self.host = origin.partition("://")[2][:80]  # chosen by a subscription: shown, but not at any length
        self.origin = Origin()
        self.proof: dict[str, str] = {}
        self.renew_at = datetime.min.replace(tzinfo=UTC)


class WebPush:
    """All push services, as one provider. See workers.channels.base.Channel for what it guarantees.

    Args:
        context: What certificates are checked with; the machine's authorities by default.
    """

    def __init__(self, settings: Settings, db: Database, *, context: ssl.SSLContext | None = None) -> None:
        assert settings.vapid_private_key is not None, "configured, or there is no such provider"
        key = read_key(settings.vapid_private_key.get_secret_value())
        self._vapid = Vapid02(
            key.private_key, {"no-strict": True}
        )  # its own idea of a contact refuses https with a path
        self._pusher = WebPusher({"endpoint": ""})
        self._subject = settings.vapid_subject
        self._secret = settings.secret.get_secret_value()
        self._allow_private = settings.allow_private_push
        self._context = context
        self._services: OrderedDict[str, _Service] = OrderedDict()
        self._slots = asyncio.Semaphore(CONNECTIONS - STRANGERS)
        self._strangers = asyncio.Semaphore(STRANGERS)
        self._session: aiohttp.ClientSession | None = None
        self._db = db
        self._gone: list[tuple[UUID, str]] = []
        self._forgetting: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> Outcome:
        """See Channel.send. Push services that are left alone for a while are not asked."""
        browsers = [b for b in message.to.browsers if message.kind == "step" or not must_show(b.endpoint)]
        waiting = [browser for browser in browsers if str(browser.subscription_id) not in message.reached]
        if waiting:
            link = sign_link(self._secret, "push", [message.project_id, message.person_id, message.delivery_id.hex])
            said, how = payload(message, link), headers(message)
            if len(waiting) == 1:  # of most people: without a task of its own a twentieth cheaper
                told = [await self._push(waiting[0], said, how)]
            else:
                told = await asyncio.gather(*(self._push(browser, said, how) for browser in waiting))
        else:
            told = []
        gone = [browser for browser, one in zip(waiting, told, strict=True) if one.result is Result.GONE]
        if gone:
            self._forget(gone)
        return combine(message.reached, waiting, told)

    async def _push(self, browser: Browser, said: bytes, how: dict[str, str]) -> Told:
        name = origin_of(browser.endpoint)
        if name is None or "[" in name:  # a bare IPv6 address, which py_vapid refuses to sign for
            return Told(Result.REFUSED, "the endpoint names no host")
        loop, service = asyncio.get_running_loop(), self._service(name)
        wait = service.origin.wait(loop.time())
        if wait > 0:
            return Told(Result.THROTTLED, f"{service.host} is left alone for a while", timedelta(seconds=wait))
        service.origin.asked(loop.time())
        try:
            slots = self._slots if service.origin.known else self._strangers
            if not await _take(slots, None if service.origin.known else SILENT_SECONDS):
                service.origin.left()
                return Told(
                    Result.THROTTLED, f"{service.host} has to wait for others", timedelta(seconds=SILENT_SECONDS)
                )
            try:
                told = await self._exchange(name, service, browser, said, how)
            finally:
                slots.release()
        except BaseException:
            service.origin.left()
            raise
        if told.result in (Result.FAILED, Result.THROTTLED):
            service.origin.failed(loop.time(), (told.retry_after or timedelta(0)).total_seconds())
        else:
            service.origin.answered(loop.time())
        return told

    async def _exchange(self, name: str, service: _Service, browser: Browser, said: bytes, how: dict[str, str]) -> Told:
        # One for all, given the keys before each: making one copies and checks what was checked when it was stored.
        self._pusher.receiver_key, self._pusher.auth_key = decode(browser.p256dh), decode(browser.auth)
        body = self._pusher.encode(said)["body"]
        sent = {**how, **self._proof(name, service), "Content-Encoding": "aes128gcm"}
        for again in (True, False):
            try:
                return await self._post(service, browser.endpoint, body, sent)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # Likely a kept connection that the other side closed just then. Both have one topic: it shows once.
                if again and not isinstance(error, aiohttp.ClientConnectorError):
                    continue
                return Told(Result.FAILED, f"{service.host}: {why_no_answer(error)}")
            except TimeoutError:
                return Told(Result.FAILED, f"{service.host}: no answer within {TIMEOUT_SECONDS:g} s", handed_over=True)
            except aiohttp.ClientError as error:
                return Told(Result.FAILED, f"{service.host}: {why_no_answer(error)}")
            except ValueError:  # a host that no resolver takes, keys that are none
                return Told(Result.REFUSED, f"{service.host}: nothing can be sent there")
        raise AssertionError("the second time it is told")

    async def _post(self, service: _Service, endpoint: str, body: bytes, sent: dict[str, str]) -> Told:
        if self._session is None:
            self._session = create_session(
                allow_private=self._allow_private,
                timeout_seconds=TIMEOUT_SECONDS,
                connections=CONNECTIONS,
                context=self._context,
            )
        url = URL(endpoint, encoded=True)
        async with self._session.post(url, data=body, headers=sent, allow_redirects=False) as answer:
            told = tell(answer.status, answer.headers, service.host, datetime.now(UTC))
            await read_rest(answer)
            return told

    def _service(self, name: str) -> _Service:
        service = self._services.get(name)
        if service is None:
            service = self._services[name] = _Service(name)
            if len(self._services) > MAX_ORIGINS:
                self._services.popitem(last=False)
        else:
            self._services.move_to_end(name)
        return service

    def _proof(self, name: str, service: _Service) -> dict[str, str]:
        """The `Authorization` header for this service; signed anew shortly before it ends."""
        now = datetime.now(UTC)
        if now >= service.renew_at:
            claims = {"aud": name, "exp": int((now + TOKEN_LIFE).timestamp()), "sub": self._subject}
            service.proof = self._vapid.sign(claims)
            service.renew_at = now + TOKEN_LIFE - TOKEN_RENEWAL
        return service.proof

    def _forget(self, gone: Iterable[Browser]) -> None:
        self._gone += [(browser.subscription_id, browser.endpoint) for browser in gone]
        if self._forgetting is None or self._forgetting.done():
            self._forgetting = asyncio.create_task(self._write_gone(), name="push-gone")

    async def _write_gone(self) -> None:
        """Together in one statement; what cannot be written is found out by the next push."""
        while self._gone:
            gone, self._gone = self._gone, []
            try:
                await push_subscriptions.mark_gone(self._db, gone)
            except GONE as error:
                log.warning("push.not_forgotten", subscriptions=len(gone), error=repr(error))

    async def close(self) -> None:
        if self._forgetting is not None:
            await asyncio.wait({self._forgetting}, timeout=TIMEOUT_SECONDS)
            await end(self._forgetting)
        if self._session is not None:
            await self._session.close()
            self._session = None


def must_show(endpoint: str) -> bool:
    """Whether the browser takes a push that shows nothing for abuse at once."""
    return (URL(endpoint, encoded=True).host or "").endswith(APPLE)


def tell(status: int, answer: Mapping[str, str], host: str, now: datetime) -> Told:
    """What an answer says; the table above."""
    retry_after = read_retry_after(answer.get("Retry-After"), now)
    if 200 <= status < 300:
        return Told(Result.REACHED, reference=answer.get("Location", "").rpartition("/")[2] or None)
    if status in (404, 410):
        return Told(Result.GONE)
    if status in (400, 401, 403):
        return Told(Result.DENIED, f"{host} refuses the VAPID key or the request: {status}")
    if status in (406, 429):  # 406: of WNS, a channel that is throttled
        return Told(Result.THROTTLED, f"{host}: {status}", retry_after)
    if status == 408 or status >= 500 or status < 400:
        return Told(Result.FAILED, f"{host}: {status}", retry_after)
    return Told(Result.REFUSED, f"{host}: {status}")


def combine(reached: frozenset[str], browsers: Sequence[Browser], told: Sequence[Told]) -> Outcome:
    """The outcome of a message, of what came of each of the browsers that it went to.

    Args:
        reached: Those that have it from earlier attempts.
    """
    new = {str(b.subscription_id) for b, one in zip(browsers, told, strict=True) if one.result is Result.REACHED}
    trouble = [one for one in told if one.result in (Result.FAILED, Result.DENIED, Result.THROTTLED)]
    if trouble:
        waits = [one.retry_after for one in trouble if one.retry_after is not None]
        wait = max(waits, default=None)
        if wait is not None and len(trouble) > 1:  # none of them may put the others off for ever
            wait = min(wait, MAX_ASKED)
        worst = next((one for one in trouble if one.result is not Result.THROTTLED), trouble[0])
        detail = worst.detail if len(told) == 1 else f"{worst.detail} ({len(trouble)} of {len(told)} browsers)"
        if worst.result is Result.THROTTLED and not new and not reached:
            return Throttled(wait, detail)
        return Failed(detail, wait, handed_over=any(one.handed_over for one in trouble), reached=reached | new)
    if new or reached:
        return Sent(next((one.reference for one in told if one.reference), None))
    refused = next((one.detail for one in told if one.result is Result.REFUSED), None)
    if refused is not None:
        return Rejected(refused)
    return Rejected("no browser is left to push to", Reason.NO_ADDRESS)


async def _take(slots: asyncio.Semaphore, seconds: float | None) -> bool:
    """Whether there was a place in time."""
    if not slots.locked():
        return await slots.acquire()
    try:
        async with asyncio.timeout(seconds):
            return await slots.acquire()
    except TimeoutError:
        return False
