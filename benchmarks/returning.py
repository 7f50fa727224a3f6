"""People who come back all at once, in a process of their own: ten thousand sockets would hold up who is timed beside.

Reads a line `TOKEN CURSOR` for each, then one that says `go`; answers with the seconds until all were live. They stay
until its input ends.

    python -m benchmarks.returning HOST PORT
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvloop

from benchmarks.crowd import Seat, crowd
from benchmarks.process import raise_file_limit


class Returning:
    """The other end: a crowd that is ready to come back."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def come(self) -> float:
        """All connect; how long it took until the last was live, seconds.

        Raises:
            ConnectionError: not all of them got in; what they said is on stderr.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"go\n")
        answer = await self.process.stdout.readline()
        if not answer:
            raise ConnectionError("not everybody who came back was let in")
        return float(answer)


@asynccontextmanager
async def returning(host: str, port: int, seats: Sequence[Seat]) -> AsyncIterator[Returning]:
    """These people, in front of the door; they leave when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.returning", host, str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write("".join(f"{seat.token} {seat.cursor}\n" for seat in seats).encode())
        process.stdin.write(b"ready?\n")
        await process.stdout.readline()
        yield Returning(process)
    finally:
        process.stdin.close()
        await process.wait()


async def _main(host: str, port: int) -> None:
    seats = []
    while (line := sys.stdin.readline()) != "ready?\n":
        token, cursor = line.split()
        seats.append(Seat(token, cursor))
    raise_file_limit(len(seats) + 100)
    gc.disable()
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    async with crowd(host, port, seats, lambda *_: None, in_flight=len(seats)) as there:
        print(there.seconds, flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], int(sys.argv[2])))
