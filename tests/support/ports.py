"""Ports for the processes of tests, which run several at once and, in CI, beside another run."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

# Apart from those of the embedded servers (hub/local/process.py) and of the kernel's outgoing connections: whoever
# takes its port from elsewhere cannot meet these.
_PORTS = range(10000, 20000)
_LOCKS = Path(tempfile.gettempdir()) / f"hub-test-ports-{os.getuid()}"
_held: list[int] = []  # descriptors: a port is ours until this process ends


def free_port() -> int:
    """A loopback port that nobody listens on and that no other test of this machine gets while this process lives.

    Without the lock two processes that start at once can get the same port, and whoever waits for the second one is
    answered by the first.
    """
    _LOCKS.mkdir(exist_ok=True)
    for port in random.sample(_PORTS, 500):
        lock = os.open(_LOCKS / str(port), os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(OSError), socket.socket() as probe:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.bind(("127.0.0.1", port))
            _held.append(lock)
            return port
        os.close(lock)
    raise AssertionError(f"There is no free port between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1.")
