"""What a channel is: a message in, an outcome out."""

from __future__ import annotations

from typing import Protocol

from hub.model.message import Message
from hub.model.outcome import Outcome


class Channel(Protocol):
    """One provider of one channel: one way out of the app.

    Guarantees that every channel gives, and that the frame around it (workers/route.py) relies on:

    - `send` may be called many times at once, and for one message again after a crash: a channel that can recognise the
      repetition (by `delivery_id`) sends it once.
    - It raises nothing that is to be expected of a provider: what went wrong is an outcome. What it raises all the same
      counts as `Failed`.
    - `Rejected` is about the recipient or what is said to them, and no other provider is asked; what is the provider's
      own fault (its credentials, its outage, its limits) is `Failed` or `Throttled`.
    - No detail holds an address, a secret, or a URL with either.
    - It may be cancelled; whether the message went out is then not known.
    """

    async def send(self, message: Message) -> Outcome:
        """Hands one message to the provider; returns when the provider has answered."""
        ...

    async def close(self) -> None:
        """Gives back what it holds. May be called twice."""
        ...
