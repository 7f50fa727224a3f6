"""Key sets behind JWKS URLs: fetched when needed, kept for minutes, fetched again when a token names an unknown key."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from hub.exceptions import Invalid, Unavailable
from hub.security.keys import VerifyingKey, keys_of_set
from hub.security.outbound import create_session
from hub.web.strict_json import parse_json

if TYPE_CHECKING:
    import aiohttp

FRESH_SECONDS = 600.0  # a rotated-out key keeps working for so long
RETRY_SECONDS = 30.0  # between two fetches of one URL, however many unknown key ids come
STALE_SECONDS = 24 * 3600.0  # an old set is used while its server is away, no longer
TIMEOUT_SECONDS = 5.0
MAX_BYTES = 256 * 1024  # a set of 100 RSA keys has 60 KiB
MAX_SETS = 1_000

log = structlog.get_logger("hub.security")


class _KeySet:
    __slots__ = ("fetched_at", "keys", "lock", "tried_at")

    def __init__(self) -> None:
        self.keys: list[VerifyingKey] = []
        self.fetched_at = float("-inf")
        self.tried_at = float("-inf")
        self.lock = asyncio.Lock()


class KeySets:
    """Owner of the one outbound session; `close()` may be called twice.

    Args:
        allow_private: Takes http and private addresses too; for tests and closed networks.
    """

    def __init__(self, *, allow_private: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._allow_private = allow_private
        self._clock = clock
        self._sets: OrderedDict[str, _KeySet] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None
        self._refreshing: set[asyncio.Task[None]] = set()

    async def find(self, url: str, algorithm: str, kid: str | None) -> list[VerifyingKey]:
        """Keys of the set that a token with this header may be signed with; none: refuse it.

        Raises:
            Unavailable: the set was never fetched, or is too old, and its server does not answer.
        """
        keys = self._sets.get(url)
        if keys is None:
            keys = self._sets[url] = _KeySet()
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        self._sets.move_to_end(url)
        found = _matching(keys.keys, algorithm, kid)
        if self._is_due(keys, found):
            if found and self._clock() - keys.fetched_at <= STALE_SECONDS:
                self._refresh(url, keys)
            else:
                await self._fetch_once(url, keys, algorithm, kid)
                found = _matching(keys.keys, algorithm, kid)
        if self._clock() - keys.fetched_at > STALE_SECONDS:
            raise Unavailable(
                "The key set that verifies tokens of this project cannot be fetched.",
                code="keys_unavailable",
                retry_after=int(RETRY_SECONDS),
            )
        return found

    def _is_due(self, keys: _KeySet, found: list[VerifyingKey]) -> bool:
        now = self._clock()
        old = now - keys.fetched_at > FRESH_SECONDS
        return (old or not found) and now - keys.tried_at > RETRY_SECONDS

    def _refresh(self, url: str, keys: _KeySet) -> None:
        """Fetches without anybody waiting: what is held is still good."""
        if not keys.lock.locked():
            task = asyncio.create_task(self._fetch_once(url, keys, "", None))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)

    async def _fetch_once(self, url: str, keys: _KeySet, algorithm: str, kid: str | None) -> None:
        async with keys.lock:
            if self._is_due(keys, _matching(keys.keys, algorithm, kid)):
                await self._fetch(url, keys)

    async def _fetch(self, url: str, keys: _KeySet) -> None:
        try:
            check_jwks_url(url, allow_private=self._allow_private)
            if self._session is None:
                self._session = create_session(allow_private=self._allow_private, timeout_seconds=TIMEOUT_SECONDS)
            async with self._session.get(url, allow_redirects=False, headers={"accept": "application/json"}) as answer:
                if answer.status != 200:
                    raise ValueError(f"HTTP {answer.status}")
                body = await answer.content.read(MAX_BYTES + 1)
                while len(body) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES + 1 - len(body))):
                    body += more
            if len(body) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
            keys.keys = keys_of_set(parse_json(body))
            keys.fetched_at = self._clock()
        except Exception as error:  # whatever a foreign server answers is its fault, and told in the log only
            log.warning(
                "jwks.fetch_failed", host=urlsplit(url).hostname, error=f"{type(error).__name__}: {error}"[:200]
            )
        finally:
            keys.tried_at = self._clock()  # after it, so that whoever comes meanwhile waits for the lock

    async def close(self) -> None:
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None


def _matching(keys: list[VerifyingKey], algorithm: str, kid: str | None) -> list[VerifyingKey]:
    return [key for key in keys if key.algorithm == algorithm and (kid is None or key.kid in (None, kid))]


def check_jwks_url(url: str, *, allow_private: bool = False) -> str:
    """`url`, if key sets may be fetched from it.

    Raises:
        Invalid: it is no https URL, or carries credentials.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts is None or not host or parts.scheme not in schemes or parts.username is not None or len(url) > 2_048:
        raise Invalid.field("jwks_url", "invalid_url", "must be an https URL without credentials")
    return url
