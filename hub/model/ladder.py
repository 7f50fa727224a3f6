"""Ladders: which steps a notification climbs for one person, and which of them run side by side.

Steps go in the order of their `after`; those with the same `after` are a rung and go in parallel. A ladder is stored
as lines, each climbed step by step, so that it needs one stored row, holding its next step. Steps of one rung are in
different lines. So is every step that asks for presence: its delay is waived when nobody is connected, so that it must
not stand behind another that waits; it begins a line, and what waits for its time only may follow it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import TypeAlias

import msgspec

from hub.model.policy import IN_APP, Policy, Step

Line: TypeAlias = tuple[Step, ...]


def has_in_app(policy: Policy, requested: Collection[str] | None) -> bool:
    """Whether the ladder, narrowed to the `channels` that were requested, stores an inbox item."""
    return any(step.channel == IN_APP for step in policy.ladder) and (requested is None or IN_APP in requested)


def channels_of(policy: Policy, order: Sequence[str] = ()) -> tuple[str, ...]:
    """The channels of a ladder, each once, as they have their turn: the inbox at once, then by their steps.

    Args:
        order: The person's `channel_order`, as in `outside_lines`.
    """
    steps = sorted((step for step in policy.ladder if step.channel != IN_APP), key=lambda step: step.after)
    inbox = [IN_APP] if has_in_app(policy, None) else []
    return tuple(dict.fromkeys([*inbox, *(step.channel for step in _reordered(steps, order))]))


def outside_lines(policy: Policy, requested: Collection[str] | None, order: Sequence[str] = ()) -> tuple[Line, ...]:
    """The lines of a ladder without its in-app step.

    Args:
        requested: The notification's `channels`: narrows the ladder, never widens it. None: all of them.
        order: The person's `channel_order`: the channels that it names change places among themselves, so that the
            first of them takes the earliest of their steps; delays and conditions stay where they are.
    """
    steps = [step for step in policy.ladder if step.channel != IN_APP]
    if requested is not None:
        steps = [step for step in steps if step.channel in requested]
    steps.sort(key=lambda step: step.after)
    lines: list[list[Step]] = []
    for _, rung in groupby(_reordered(steps, order), key=lambda step: step.after):
        free = list(lines)
        for step in rung:
            if free and not step.condition.asks_presence:
                free.pop(0).append(step)
            else:
                lines.append([step])
    return tuple(tuple(line) for line in lines)


def _reordered(steps: list[Step], order: Sequence[str]) -> list[Step]:
    if not order:
        return steps
    places = [place for place, step in enumerate(steps) if step.channel in order]
    wanted = sorted((steps[place].channel for place in places), key=order.index)
    reordered = list(steps)
    for place, channel in zip(places, wanted, strict=True):
        reordered[place] = msgspec.structs.replace(steps[place], channel=channel)
    return reordered
