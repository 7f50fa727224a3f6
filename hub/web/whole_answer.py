"""Answers of which everything is there, written in one piece past uvicorn's `send`.

That takes half of the 12 µs that uvicorn's `send` takes. What is written is the same. Streams, and applications behind
a `send` of their own, are uvicorn's.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from hub.web.asgi import Headers, Send

WholeAnswer: TypeAlias = tuple[int, Headers, bytes]
"""Status, headers with all that says how long the body is, body."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # what no header may hold; lines are counted


def answer_at_once(send: Send, answer: WholeAnswer) -> bool:
    """Writes an answer where that is all there is to do, which ends the exchange; else False.

    Args:
        send: As the application got it.

    Raises:
        RuntimeError: a header holds a control character.
    """
    exchange = getattr(send, "__self__", None)
    if not isinstance(exchange, RequestResponseCycle):
        return False
    if exchange.response_started or exchange.disconnected or exchange.flow.write_paused:
        return False
    status, headers, body = answer
    headers = exchange.default_headers + headers
    if (b"connection", b"close") in headers:
        exchange.keep_alive = False
    elif not exchange.keep_alive:
        headers.append((b"connection", b"close"))
    parts = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    head = b"".join(parts)
    lines = len(headers) + 2
    if head.count(b"\n") != lines or head.count(b"\r") != lines or _CONTROL.search(head):
        raise RuntimeError("a header holds a control character")
    exchange.response_started = exchange.response_complete = True
    exchange.waiting_for_100_continue = False
    exchange.transport.write(head + body)
    exchange.message_event.set()
    if not exchange.keep_alive:
        exchange.transport.close()
    exchange.on_response()
    return True
