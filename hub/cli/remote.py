"""Calls to a hub's API over HTTP, for the commands that are clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from hub.cli.access import DEFAULT_URL, read_access
from hub.exceptions import HubError, Unreachable

_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)  # seconds
_GATEWAY_STATUSES = frozenset({502, 503, 504})  # the hub, or a proxy for it, says that it cannot be reached now


class ApiRefused(HubError):
    """The hub answered with an error. `status` is HTTP's, `code` the problem document's."""

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


class Remote:
    """A hub's API, with one key. Made by `open_remote`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str | None] | None = None,
        *,
        raw: tuple[str, bytes] | None = None,
    ) -> Any:
        """The decoded answer, None when it has no body. `path` is percent-encoded already.

        Args:
            raw: A media type and a body of it, in place of a JSON `body`.

        Raises:
            Unreachable: No answer.
            ApiRefused: An error as the answer.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        address = URL(self.url + path, encoded=True).update_query(given)
        headers = {} if body is None else {"Content-Type": "application/json"}
        data = None if body is None else msgspec.json.encode(body)
        if raw is not None:
            headers, data = {"Content-Type": raw[0]}, raw[1]
        try:
            async with self._session.request(method, address, data=data, headers=headers) as response:
                content = await response.read()
        except TimeoutError:
            raise Unreachable(f"The hub at {self.url} did not answer in time.") from None
        except (aiohttp.ClientError, OSError) as error:
            hint = " Is `hub dev` running? HUB_URL names another hub." if self.url == DEFAULT_URL else " Check HUB_URL."
            raise Unreachable(f"The hub at {self.url} does not answer ({_reason(error)}).{hint}") from None
        if response.status >= 400:
            raise _refusal(self.url, response.status, content)
        try:
            return msgspec.json.decode(content) if content else None
        except msgspec.DecodeError:
            raise ApiRefused(f"What answers at {self.url} is not a hub.", response.status, "not_a_hub") from None

    async def offers(self, path: str) -> bool:
        """Whether the hub's OpenAPI document has this path template."""
        try:
            document = await self.call("GET", "/openapi.json")
            return path in document["paths"]
        except (ApiRefused, KeyError, TypeError):
            return False


@asynccontextmanager
async def open_remote() -> AsyncIterator[Remote]:
    """The hub that the environment names. Raises ConfigError."""
    url, key = read_access()
    async with aiohttp.ClientSession(
        timeout=_TIMEOUT, headers={"Authorization": f"Bearer {key}", "User-Agent": "hub-cli"}
    ) as session:
        yield Remote(session, url)


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__


def _refusal(url: str, status: int, content: bytes) -> HubError:
    try:
        problem = msgspec.json.decode(content)
        code, detail = str(problem["code"]), str(problem["detail"])
        fields = [f"{entry['path']}: {entry['message']}" for entry in problem.get("errors", ())]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        code, detail, fields = "http", f"{url} answered {status}", []
    if status in _GATEWAY_STATUSES:
        return Unreachable(f"The hub at {url} cannot serve now ({status}): {detail}")
    if status == 401:
        detail = f"{detail} (HUB_API_KEY is what was sent to {url})"
    named = [field for field in fields if field not in detail]
    return ApiRefused("; ".join([detail, *named]), status, code)
