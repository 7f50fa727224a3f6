"""The listening socket of a process."""

from __future__ import annotations

import socket

from hub.cli.process import listen_on


def test_accepted_connections_do_not_wait_to_fill_a_packet() -> None:
    with listen_on("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
