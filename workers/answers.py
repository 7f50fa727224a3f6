"""What foreign HTTP servers answer, read within bounds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from hub.security.outbound import WAY_OUT, ForbiddenAddressError

if TYPE_CHECKING:
    import aiohttp

ANSWER_SECONDS = 1.0  # for the rest of an answer whose status is known
MAX_ANSWER_BYTES = 16 * 1024  # that are read, so that the connection can be used again; a longer answer costs it


async def read_answer(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of an answer, all of it when it is short. Raises what reading raises."""
    body = bytearray()
    while len(body) <= MAX_ANSWER_BYTES and (chunk := await answer.content.readany()):
        body += chunk
    if not answer.content.at_eof():
        answer.close()
    return bytes(body[:MAX_ANSWER_BYTES])


async def read_rest(answer: aiohttp.ClientResponse) -> bytes:
    """What is left to read of an answer whose status says all; one that is long, slow or broken costs the connection.

    Raises nothing: nothing, then, is what was read.
    """
    if answer.content.at_eof():
        return b""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await read_answer(answer)
    except Exception:
        answer.close()
        return b""


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """`Retry-After`: seconds or a date (RFC 9110, section 10.2.3); None where it says nothing that can be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # the last of a year or a zone of twenty digits
        return None
    return max(timedelta(0), (at if at.tzinfo else at.replace(tzinfo=UTC)) - now)


def why_no_answer(error: Exception) -> str:
    """Without the address, which is in most messages."""
    import aiohttp  # as in hub.security.outbound

    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not good"
    if isinstance(error, aiohttp.ClientConnectorError):
        inside = isinstance(error.os_error, ForbiddenAddressError)
        return f"leads to no public address; {WAY_OUT}" if inside else "cannot be reached"
    return f"the connection broke ({type(error).__name__})"
