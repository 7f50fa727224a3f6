"""In which order the providers of a channel are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Ranked(Protocol):
    """Lower `order` comes first; those of the same order share what goes by `weight` (at least 1)."""

    @property
    def order(self) -> int: ...
    @property
    def weight(self) -> int: ...


R = TypeVar("R", bound=Ranked)


def in_turn(providers: Sequence[R], chance: float) -> list[R]:
    """All of them, in the order in which they are to be asked for one message.

    Args:
        chance: A random number in [0, 1); the same one gives the same order.
    """
    left, turns = sorted(providers, key=lambda provider: provider.order), []
    while left:
        equals = [provider for provider in left if provider.order == left[0].order]
        share = chance * sum(provider.weight for provider in equals)
        for chosen in equals:
            if share < chosen.weight:
                break
            share -= chosen.weight
        # What is left of the chance is as random as it was, and decides on the next.
        chance = min(max(share / chosen.weight, 0.0), 1 - 2**-53)
        left.remove(chosen)
        turns.append(chosen)
    return turns
