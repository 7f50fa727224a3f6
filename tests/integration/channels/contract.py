"""What every channel must do, whatever it speaks: the guarantees of workers/channels/base.py, as one suite.

How a channel joins. Write a rig: the channel, set up for a provider that a test can script (a real server on a socket,
answering as told), and what the suite has to know of it. Then, in a file of its own:

    class TestSms(ChannelContract):
        @pytest.fixture
        async def rig(self) -> AsyncIterator[Rig]:
            async with scripted_server() as server:
                yield SmsRig(server)

`can` names what the provider can be made to do; tests of the rest are skipped. Give the channel time-outs of about half
a second: every silence is waited for. What only one channel does (its statuses, its headers) is tested beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Protocol

import msgspec
import pytest

from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from workers.channels.base import Channel

LONGEST_SECONDS = 20.0  # for what ends within a second on a machine that does nothing else
MANY = 40


class Does(Enum):
    """What a provider can be made to do with everything that comes next."""

    ACCEPT = auto()
    REJECT = auto()  # the recipient, for good
    FAIL = auto()  # a fault of its own, which may pass
    THROTTLE = auto()  # too many at once
    REFUSE_CONNECTIONS = auto()  # nobody listens
    RESET = auto()  # the connection, in the middle of its answer
    DRIP = auto()  # an answer whose end never comes, a byte at a time
    NOT_GREET = auto()  # takes the connection, and then nothing; only where the provider speaks first, as in SMTP
    NOT_ANSWER = auto()  # takes the whole message, and says nothing


class Rig(Protocol):
    """A channel under test, and its provider.

    Attributes:
        can: What the provider can be made to do.
        hidden: What no detail may hold: addresses, names of mailboxes, credentials, secret parts of URLs.
    """

    @property
    def channel(self) -> Channel: ...
    @property
    def can(self) -> frozenset[Does]: ...
    @property
    def hidden(self) -> Sequence[str]: ...

    async def does(self, what: Does) -> None:
        """From now on the provider does this. Back to ACCEPT, everything works again."""
        ...

    def message(self) -> Message:
        """Another message that the provider takes."""
        ...

    async def ids(self) -> Sequence[str]:
        """What the provider recognises a repetition by, of each that was handed over; repetitions again."""
        ...


EXPECTED: dict[Does, tuple[type[Outcome], ...]] = {
    Does.REJECT: (Rejected,),
    Does.FAIL: (Failed,),
    Does.THROTTLE: (Throttled,),
    Does.REFUSE_CONNECTIONS: (Failed,),
    Does.RESET: (Failed,),
    Does.DRIP: (Failed,),
    Does.NOT_GREET: (Failed,),
    Does.NOT_ANSWER: (Failed,),
}
NOT_HANDED_OVER = frozenset({Does.FAIL, Does.REFUSE_CONNECTIONS, Does.NOT_GREET})
HANDED_OVER = frozenset({Does.DRIP, Does.NOT_ANSWER})


def require(rig: Rig, what: Does) -> None:
    if what not in rig.can:
        pytest.skip(f"this provider cannot be made to {what.name}")


class ChannelContract:
    """Inherit, and give a fixture `rig`."""

    async def test_many_may_be_sent_at_once(self, rig: Rig) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            outcomes = await asyncio.gather(*(rig.channel.send(rig.message()) for _ in range(MANY)))
        assert {type(outcome) for outcome in outcomes} == {Sent}
        ids = await rig.ids()
        assert len(ids) == len(set(ids)) == MANY

    @pytest.mark.parametrize("what", EXPECTED, ids=lambda what: what.name.lower())
    async def test_whatever_goes_wrong_is_an_outcome_and_passes(self, rig: Rig, what: Does) -> None:
        require(rig, what)
        await rig.does(what)
        async with asyncio.timeout(LONGEST_SECONDS):
            outcomes = await asyncio.gather(*(rig.channel.send(rig.message()) for _ in range(3)))
        for outcome in outcomes:
            assert isinstance(outcome, EXPECTED[what]), outcome
            if isinstance(outcome, Failed) and what in NOT_HANDED_OVER | HANDED_OVER:
                assert outcome.handed_over is (what in HANDED_OVER), outcome
            detail = getattr(outcome, "detail", "")
            assert not [secret for secret in rig.hidden if secret.lower() in detail.lower()], detail
        await rig.does(Does.ACCEPT)
        async with asyncio.timeout(LONGEST_SECONDS):
            assert isinstance(await rig.channel.send(rig.message()), Sent)

    async def test_a_repetition_carries_the_same_id(self, rig: Rig) -> None:
        message = rig.message()
        for attempt in (1, 2):
            assert isinstance(await rig.channel.send(msgspec.structs.replace(message, attempt=attempt)), Sent)
        await rig.channel.send(rig.message())
        ids = list(await rig.ids())
        assert sorted(ids.count(one) for one in set(ids)) == [1, 2]

    async def test_it_may_be_cancelled(self, rig: Rig) -> None:
        require(rig, Does.NOT_ANSWER)
        await rig.does(Does.NOT_ANSWER)
        sending = [asyncio.create_task(rig.channel.send(rig.message())) for _ in range(3)]
        await asyncio.sleep(0)
        async with asyncio.timeout(LONGEST_SECONDS):
            for task in sending:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await rig.does(Does.ACCEPT)
        async with asyncio.timeout(LONGEST_SECONDS):
            assert isinstance(await rig.channel.send(rig.message()), Sent)

    async def test_it_may_be_closed_twice_and_without_having_sent(self, rig: Rig) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            await rig.channel.close()
            await rig.channel.close()

    async def test_it_may_be_closed_after_it_has_sent(self, rig: Rig) -> None:
        await rig.channel.send(rig.message())
        async with asyncio.timeout(LONGEST_SECONDS):
            await rig.channel.close()
            await rig.channel.close()
