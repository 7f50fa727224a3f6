"""Bytes to a client: past the transport while nothing waits in it, otherwise through it.

A transport's `write` keeps books that matter only to what the kernel does not take at once. Most of what a gateway
writes it does take: without the books a delivery costs a twentieth to a tenth less CPU (November 2026, bench-peers).
"""

from __future__ import annotations

import asyncio
import os


class Outlet:
    """One transport's writing end: never blocks, keeps the order. What the kernel does not take waits in there."""

    __slots__ = ("_descriptor", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._descriptor = -1  # of the socket, while nothing waits in the transport

    def attach(self, transport: asyncio.Transport) -> None:
        """The transport to write to; before anything is emitted."""
        self._transport = transport

    def emit(self, data: bytes) -> None:
        """Sends bytes. Not after `connection_lost`: the descriptor is somebody else's soon after."""
        descriptor = self._descriptor
        if descriptor < 0:
            descriptor = self._descriptor = self._number()
        if descriptor >= 0:
            try:
                sent = os.write(descriptor, data)
            except OSError:  # full, or broken: the transport finds out which
                sent = 0
            if sent == len(data):
                return
            self._descriptor = -1
            self._transport.write(memoryview(data)[sent:] if sent else data)
        else:
            self._transport.write(data)

    def release(self) -> None:
        """Somebody else writes to the transport, or it is lost; called before `emit` is called again."""
        self._descriptor = -1

    def _number(self) -> int:
        """The socket's number; -1 while something waits, while the transport ends, and where bytes are encrypted."""
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size() or transport.get_extra_info("ssl_object"):
            return -1
        raw = transport.get_extra_info("socket")
        return -1 if raw is None else int(raw.fileno())
