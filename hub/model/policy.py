"""Policies: what a category says about everything that is published in it.

A policy is stored as the contract writes it (a JSON object) and read into a `Policy`. Its ladder says which channels
carry a notification, when (`after`, counted from dispatch) and on which condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

from hub.model.times import parse_duration

IN_APP = "in_app"
OUTSIDE_CHANNELS = ("web_push", "email", "sms")
"""Channels that leave the app: everything here that is called outside."""
CHANNELS = (IN_APP, *OUTSIDE_CHANNELS)

Default: TypeAlias = Literal["opted_in", "opted_out", "required"]


class Condition(StrEnum):
    """When a step may be sent. All but `always` also mean: and not seen (`unread`: not read) in the app."""

    ALWAYS = "always"
    OFFLINE = "offline"
    AWAY = "away"
    UNDELIVERED = "undelivered"
    UNSEEN = "unseen"
    UNREAD = "unread"

    @property
    def asks_presence(self) -> bool:
        return self in (Condition.OFFLINE, Condition.AWAY)


class Step(msgspec.Struct, frozen=True):
    """One rung of a ladder: by which channel, how long after dispatch, and whether at all."""

    channel: str
    after: timedelta = timedelta(0)
    condition: Condition = Condition.ALWAYS


class Retry(msgspec.Struct, frozen=True):
    """The budget of one delivery. The defaults are the contract's."""

    max_attempts: int = 8
    max_age: timedelta = timedelta(hours=24)


class Cap(msgspec.Struct, frozen=True):
    """At most `limit` deliveries to a person in any window of `per`; what is over is dropped or digested."""

    limit: int
    per: timedelta
    overflow: Literal["drop", "digest"] = "drop"


def free_at(cap: Cap, counted: Sequence[datetime], now: datetime) -> datetime | None:
    """When a cap has room again, given when deliveries were counted against it; None: it has room now."""
    held = sorted(moment for moment in counted if moment > now - cap.per)
    return held[-cap.limit] + cap.per if len(held) >= cap.limit else None


class Digest(msgspec.Struct, frozen=True):
    """What is gathered into one delivery. `key` is a Liquid template over the notification; see hub.model.digest."""

    key: str | None = None
    window: timedelta | None = None
    mode: Literal["fixed", "sliding", "schedule"] = "fixed"
    max_window: timedelta | None = None
    first: Literal["now", "hold"] = "hold"


class Tracking(msgspec.Struct, frozen=True):
    """What of its mails is counted by links that lead through the hub. Nothing, unless somebody wants it."""

    opens: bool = False
    clicks: bool = False


class Policy(msgspec.Struct, frozen=True):
    """What a category says."""

    category: str
    default: Default
    kind: Literal["transactional", "marketing"]
    ladder: tuple[Step, ...]
    retry: Retry = Retry()
    cap: Cap | None = None
    quiet_hours: Literal["respect", "ignore"] = "respect"
    digest: Digest | None = None
    tracking: Tracking = Tracking()

    @property
    def required(self) -> bool:
        return self.default == "required"

    @property
    def marketing(self) -> bool:
        return self.kind == "marketing"


def for_test(policy: Policy, channel: str) -> Policy:
    """The policy of a test of a template: at once by this channel, whatever anybody wants; an address that is
    suppressed still gets nothing.
    """
    return msgspec.structs.replace(
        policy, default="required", ladder=(Step(channel),), cap=None, quiet_hours="ignore", digest=None
    )


def parse_policy(category: str, document: Mapping[str, Any]) -> Policy:
    """The policy in a stored document; the API has checked it."""
    retry, cap, digest = document.get("retry") or {}, document.get("cap"), document.get("digest")
    return Policy(
        category,
        document.get("default", "opted_in"),
        document.get("kind", "transactional"),
        tuple(parse_step(step) for step in document["ladder"]),
        Retry(retry.get("max_attempts", Retry().max_attempts), _duration(retry.get("max_age")) or Retry().max_age),
        None if cap is None else parse_cap(cap),
        document.get("quiet_hours", "respect"),
        None
        if digest is None
        else Digest(
            digest.get("key"),
            _duration(digest.get("window")),
            digest.get("mode", "fixed"),
            _duration(digest.get("max_window")),
            digest.get("first", "hold"),
        ),
        Tracking(**document.get("tracking") or {}),
    )


def parse_step(document: Mapping[str, Any]) -> Step:
    """One step of a stored ladder."""
    return Step(
        document["channel"],
        parse_duration(document.get("after") or "PT0S"),
        Condition(document.get("if") or Condition.ALWAYS),
    )


def parse_cap(document: Mapping[str, Any]) -> Cap:
    """A stored cap, of a category or of a project."""
    return Cap(document["limit"], parse_duration(document["per"]), document.get("overflow", "drop"))


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)
