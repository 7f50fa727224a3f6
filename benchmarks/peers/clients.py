"""Clients of other protocols, as cheap as benchmarks.websocket's."""

from __future__ import annotations

from time import perf_counter_ns

import msgspec

from benchmarks.websocket import TEXT, Socket, client_frame

_SOCKET_IO_ITEM = b'42["item",'
SOCKET_IO_CONNECT = client_frame(b"40")


class SocketIo(Socket):
    """Socket.IO 4 over a WebSocket from the start."""

    __slots__ = ()

    def _frame(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode != TEXT:
            super()._frame(opcode, payload, now)
        elif payload.startswith(_SOCKET_IO_ITEM):
            self._on_items(self.index, now, payload[len(_SOCKET_IO_ITEM) : -1])
        elif payload.startswith(b"40"):
            self._is_live(None)
        elif payload == b"2":
            self.send(client_frame(b"3"))


class EventStream(Socket):
    """Server-sent events. Chunked coding is not undone: its lines are none of `data:`."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        now = perf_counter_ns()
        data = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self._end(f"refused: {head.splitlines()[0].decode('latin-1')}")
                self.close()
                return
            self._upgraded = True
        *events, self._buffer = data.split(b"\n\n")
        for event in events:
            at = event.find(b"\ndata: ")
            if at < 0:
                continue
            payload = event[at + 7 :]
            if payload.startswith(b'{"type":"item"'):
                self._on_items(self.index, now, payload)
            elif payload.startswith(b'{"type":"welcome"'):
                self._is_live(msgspec.json.decode(payload)["cursor"])
            else:
                self._end(f"unexpected event {payload[:100].decode()}")
                self.close()
