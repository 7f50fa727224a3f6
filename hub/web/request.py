"""One request: what came in, read within limits."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hub.exceptions import Invalid, Malformed, TooLarge, TooSlow, Unsupported
from hub.web.eager import await_within
from hub.web.limits import household
from hub.web.query import parse_query
from hub.web.strict_json import parse_json

if TYPE_CHECKING:
    from hub.web.asgi import Receive, Scope
    from hub.web.limits import Allowance
    from hub.web.routing import Route
    from hub.web.schema import Schema

T = TypeVar("T")

BODY_LIMIT_BYTES = 512 * 1024  # contract
BODY_SECONDS = 30.0  # for a whole body: 4 MiB at 1.2 Mbit/s; nginx's client_body_timeout is 60 s between two reads
DISCARD_BYTES = 16 * 1024 * 1024  # of a body too large that is read to its end, so that its sender hears the answer
DISCARD_SECONDS = 5.0
MAX_KEY = 255  # characters of an Idempotency-Key, contract

_MERGE_PATCH = "application/merge-patch+json"
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


class ClientGone(Exception):
    """The client hung up before its body was complete; there is nobody to answer."""


class RequestKey(NamedTuple):
    """An Idempotency-Key with what it is bound to; hub.store.idempotency takes it."""

    scope: str
    key: str
    fingerprint: bytes


class Request:
    """One HTTP request under way. Handlers get it after authentication, scopes and rate limits have passed."""

    __slots__ = (
        "_query",
        "_raw",
        "allowance",
        "body_cut",
        "credential",
        "id",
        "method",
        "params",
        "receive",
        "route",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.id = request_id
        self.route: Route | None = None
        self.params: dict[str, str] = {}
        self.credential: Any = None
        self.allowance: Allowance | None = None
        self.body_cut = False  # the connection holds a rest of the body and must not be used again
        self._raw: bytes | None = None
        self._query: dict[str, Any] | None = None

    @property
    def raw_path(self) -> bytes:
        """The path as it came over the wire, without the query."""
        path: bytes = self.scope.get("raw_path") or self.scope["path"].encode("utf-8")
        return path

    @property
    def address(self) -> str:
        """Whom limits count the client as, by its address; by the proxy's, unless the server was told to trust that."""
        client = self.scope.get("client")
        return household(client[0]) if client else "unknown"

    def header(self, name: bytes) -> str | None:
        """The first header of that name (lower case)."""
        for found, value in self.scope["headers"]:
            if found == name:
                return str(value, "latin-1")
        return None

    @property
    def query(self) -> dict[str, Any]:
        """The declared query parameters by name; raises Malformed or Invalid."""
        if self._query is None:
            assert self.route is not None
            self._query = parse_query(
                self.scope.get("query_string", b""), self.route.query, ignored=self.route.ignored_query
            )
        return self._query

    async def body(self, limit: int = BODY_LIMIT_BYTES) -> bytes:
        """The raw body, read once.

        Raises:
            TooLarge: over `limit` bytes; nothing of it is kept.
            TooSlow: not complete after BODY_SECONDS.
            ClientGone: the connection ended first.
        """
        if self._raw is None:
            declared = self._declared_length()
            if declared is not None and declared > limit:
                await self._discard(0)
                raise _too_large(str(declared), limit)
            try:
                self._raw = await self._read(limit, asyncio.get_running_loop().time() + BODY_SECONDS)
            except TimeoutError:
                self.body_cut = True
                raise TooSlow(f"The body was not complete after {BODY_SECONDS:g} seconds.") from None
        return self._raw

    async def json(self, limit: int = BODY_LIMIT_BYTES) -> Any:
        """The body as decoded JSON (see strict_json).

        Raises:
            Unsupported: its media type is not JSON.
            Malformed: no JSON, or none at all.
        """
        self._check_media_type()
        raw = await self.body(limit)
        if not raw:
            raise Malformed("The call needs a JSON body, and there is none.", code="malformed_json")
        return parse_json(raw)

    async def read(self, schema: Schema[T], limit: int = BODY_LIMIT_BYTES) -> T:
        """The body in the shape of `schema`; raises what `json` does, and Invalid."""
        return schema.validate(await self.json(limit))

    async def read_optional(self, schema: Schema[T], limit: int = BODY_LIMIT_BYTES) -> T:
        """As `read`, for a body that may be left out: then it counts as `{}`, and no Content-Type is needed."""
        if not await self.body(limit):
            return schema.validate({})
        return await self.read(schema, limit)

    async def key(self, credential: str) -> RequestKey | None:
        """The Idempotency-Key with its scope and the fingerprint of the body, or None without that header.

        Raises:
            Invalid: it is empty, too long, or not visible ASCII.
        """
        key = self.header(b"idempotency-key")
        if key is None:
            return None
        if _KEY.fullmatch(key) is None:
            raise Invalid.field("Idempotency-Key", "invalid_value", f"must be 1 to {MAX_KEY} visible ASCII characters")
        path = self.raw_path.decode("latin-1")
        return RequestKey(f"{credential} {self.method} {path}", key, hashlib.sha256(await self.body()).digest())

    async def _read(self, limit: int, deadline: float) -> bytes:
        message = await await_within(self.receive(), deadline)
        if message["type"] == "http.disconnect":
            raise ClientGone
        first: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        if not more and len(first) <= limit:
            return first
        parts, size = [first], len(first)
        while more and size <= limit:
            message = await await_within(self.receive(), deadline)
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        if size > limit:
            parts.clear()
            if more:
                size = await self._discard(size)
            raise _too_large(f"more than {size}" if self.body_cut else str(size), limit)
        return b"".join(parts)

    async def _discard(self, size: int) -> int:
        """Reads the rest of a body away, within bounds; its size, or what of it was read."""
        if self.header(b"expect") is not None:
            self.body_cut = True  # the client waits for our leave to send, and will not get it
            return size
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while size <= DISCARD_BYTES:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    size += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return size
        except TimeoutError:
            pass
        self.body_cut = True
        return size

    def _declared_length(self) -> int | None:
        text = self.header(b"content-length")
        return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None

    def _check_media_type(self) -> None:
        given = self.header(b"content-type")
        if given == "application/json":
            return
        media_type, _, parameters = (given or "").partition(";")
        media_type = media_type.strip().lower()
        allowed = ("application/json", _MERGE_PATCH) if self.method == "PATCH" else ("application/json",)
        if media_type not in allowed:
            shown = f"{media_type[:80]!r} is not understood here" if media_type else "The request has no Content-Type"
            raise Unsupported(f"{shown}. Send Content-Type: application/json.")
        charset = parameters.partition("charset=")[2].strip().strip('"').lower()
        if charset not in ("", "utf-8", "utf8"):
            raise Unsupported(f"The charset {charset[:40]!r} is not understood. JSON is sent as UTF-8.")


def _too_large(size: str, limit: int) -> TooLarge:
    return TooLarge(f"The body is {size} bytes large; at most {limit} are allowed.")
