"""decide(): a truth table of what differs, against rules written from the contract; and what always holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.model.decide import (
    ADDRESS_MISSING,
    PATIENCE,
    SUPPRESSED_FOR,
    UNASKED,
    CapState,
    Decision,
    Gather,
    ItemState,
    Presence,
    Quiet,
    Reach,
    Send,
    Situation,
    Skip,
    Wait,
    decide,
)
from hub.model.policy import OUTSIDE_CHANNELS, Condition, Step
from hub.model.preferences import Layer, Verdict
from hub.model.reason import Reason
from hub.model.weekly import Window, quiet_until
from hub.store.suppressions import CAUSES

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
ALWAYS = (Window(EVERY_DAY, time(0), time(0)),)
NIGHT = (Window(EVERY_DAY, time(22), time(7)),)
ON = Verdict(Layer.CATEGORY)
FUTURE, PAST = NOW + MINUTE, NOW - MINUTE

ITEMS: dict[str, ItemState | None] = {
    "nowhere": None,
    "fresh": ItemState(),
    "delivered": ItemState(delivered=True),
    "seen": ItemState(seen_at=PAST, delivered=True),
    "read": ItemState(seen_at=PAST, read_at=PAST, delivered=True),
    "shelved": ItemState(shelved=True),
    "removed": ItemState(removed=True),
}
PRESENCES: dict[str, Presence] = {
    "active": Presence("active"),
    "idle": Presence("idle"),
    "idle in grace": Presence("idle", FUTURE),
    "offline": Presence("offline"),
    "offline in grace": Presence("offline", FUTURE),
    "grace over": Presence("offline", PAST),
    "unknown": Presence("unknown"),
    "unasked": UNASKED,
}
MOOT = {  # by condition: the states of an item that make it false for good; from the contract, "Category"
    Condition.ALWAYS: set[str](),
    Condition.OFFLINE: {"seen", "read", "shelved", "removed"},
    Condition.AWAY: {"seen", "read", "shelved", "removed"},
    Condition.UNDELIVERED: {"delivered", "seen", "read", "shelved", "removed"},
    Condition.UNSEEN: {"seen", "read", "shelved", "removed"},
    Condition.UNREAD: {"read", "shelved", "removed"},
}


def expected(condition: Condition, item: str, presence: str, *, due: bool, last: bool) -> type[Decision]:
    """What the contract says of a step that nothing else speaks against."""
    if item in MOOT[condition]:
        return Skip
    if condition in (Condition.OFFLINE, Condition.AWAY):
        if presence in ("unasked", "unknown", "active", "idle in grace", "offline in grace"):
            return Wait
        if presence == "idle" and condition is Condition.OFFLINE:
            return Wait
        if presence in ("offline", "grace over"):
            return Send  # nobody is connected: the delay is waived
    return Send if due else Wait


def table() -> Iterator[tuple[Condition, str, str, bool, bool]]:
    return itertools.product(Condition, ITEMS, PRESENCES, (True, False), (True, False))


@pytest.mark.parametrize("condition", Condition)
def test_condition_item_presence_and_delay(condition: Condition) -> None:
    seen = set()
    for _, item, presence, due, last in (row for row in table() if row[0] is condition):
        situation = Situation(
            Step("email", MINUTE, condition),
            NOW - MINUTE if due else NOW - MINUTE / 2,
            ON,
            PRESENCES[presence],
            item=ITEMS[item],
            next_at=None if last else FUTURE,
        )
        decision = decide(situation, NOW)
        wanted = expected(condition, item, presence, due=due, last=last)
        assert type(decision) is wanted, (condition, item, presence, due, last, decision)
        seen.add(type(decision))
    assert seen >= {Send, Wait}


OBJECTIONS: list[tuple[dict[str, Any], type[Decision], Reason]] = [
    # In the order in which they win, each over all below.
    ({"cancelled": True}, Skip, Reason.CANCELLED),
    ({"expires_at": NOW}, Skip, Reason.EXPIRED),
    ({"item": ITEMS["read"]}, Skip, Reason.READ),
    ({"verdict": Verdict(Layer.PERSON, Reason.CATEGORY_OFF)}, Skip, Reason.CATEGORY_OFF),
    ({"paused": Layer.TENANT}, Skip, Reason.PAUSED),
    ({"delegated": True}, Skip, Reason.DELEGATED),
    ({"reach": Reach.NO_PROVIDER}, Skip, Reason.NO_PROVIDER),
    ({"presence": Presence("active")}, Wait, Reason.PRESENT),
    ({"quiet": Quiet(ALWAYS, "UTC", Layer.PERSON)}, Wait, Reason.QUIET_HOURS),
    ({"cap": CapState(FUTURE, "drop", Layer.PROJECT)}, Skip, Reason.CAPPED),
    ({"gather_until": FUTURE}, Gather, Reason.DIGEST),
]
AWAY_STEP: dict[str, Any] = {
    "step": Step("web_push", timedelta(0), Condition.AWAY),
    "dispatched_at": PAST,
    "verdict": ON,
    "presence": Presence("offline"),
    "item": ITEMS["fresh"],
}


@pytest.mark.parametrize("chosen", [c for n in (1, 2, 3) for c in itertools.combinations(range(len(OBJECTIONS)), n)])
def test_the_first_objection_wins(chosen: tuple[int, ...]) -> None:
    facts = dict(AWAY_STEP)
    for number in reversed(chosen):
        facts.update(OBJECTIONS[number][0])
    _, kind, reason = OBJECTIONS[chosen[0]]
    decision = decide(Situation(**facts), NOW)
    assert (type(decision), decision.why) == (kind, reason)


def test_nothing_against_it_sends() -> None:
    assert decide(Situation(**AWAY_STEP), NOW) == Send()


def test_no_address_is_told_apart_from_no_provider() -> None:
    decision = decide(Situation(**AWAY_STEP, reach=Reach.NO_ADDRESS), NOW)
    assert decision == Skip(Reason.NO_ADDRESS, Layer.PERSON, ADDRESS_MISSING[AWAY_STEP["step"].channel])
    assert ADDRESS_MISSING.keys() == set(OUTSIDE_CHANNELS), "each says what is missing"


@pytest.mark.parametrize("cause", CAUSES)
def test_what_is_suppressed_says_for_what(cause: str) -> None:
    decision = decide(Situation(**AWAY_STEP, reach=Reach.SUPPRESSED, suppressed_for=cause), NOW)
    assert isinstance(decision, Skip)
    assert (decision.detail or "").startswith(SUPPRESSED_FOR[cause])


def test_what_is_over_a_cap_is_folded_where_it_says_so() -> None:
    decision = decide(Situation(**AWAY_STEP, cap=CapState(FUTURE, "digest", Layer.CATEGORY)), NOW)
    assert decision == Gather(FUTURE, Reason.CAPPED, Layer.CATEGORY)


def test_a_skip_says_how_soon_it_was_seen() -> None:
    facts = AWAY_STEP | {"item": ItemState(seen_at=PAST + timedelta(seconds=2))}
    assert decide(Situation(**facts), NOW) == Skip(Reason.SEEN, None, "after 2.0 s")


@pytest.mark.parametrize("state", ["active", "unknown"])
def test_a_step_that_waits_for_presence_ends_with_the_next_steps_turn(state: Any) -> None:
    facts = AWAY_STEP | {"presence": Presence(state), "next_at": NOW}
    why = Reason.STAYED if state == "active" else Reason.PRESENCE_UNKNOWN
    assert decide(Situation(**facts), NOW) == Skip(why)


def test_the_last_step_waits_for_a_day() -> None:
    facts = AWAY_STEP | {"presence": Presence("active"), "dispatched_at": NOW - PATIENCE}
    assert decide(Situation(**facts), NOW) == Skip(Reason.STAYED)


def test_a_last_step_of_a_long_delay_waits_for_its_turn_first() -> None:
    late = {"step": Step("email", 2 * PATIENCE, Condition.AWAY), "presence": Presence("active")}
    before = decide(Situation(**AWAY_STEP | late | {"dispatched_at": NOW - PATIENCE}), NOW)
    assert (type(before), before.why) == (Wait, Reason.PRESENT)
    assert decide(Situation(**AWAY_STEP | late | {"dispatched_at": NOW - 3 * PATIENCE}), NOW) == Skip(Reason.STAYED)


def test_a_wait_never_passes_the_expiry() -> None:
    facts = AWAY_STEP | {"quiet": Quiet(ALWAYS, "UTC", Layer.PERSON), "expires_at": FUTURE}
    assert decide(Situation(**facts), NOW) == Wait(FUTURE, Reason.QUIET_HOURS, Layer.PERSON)


moments = st.integers(-48 * 3600, 48 * 3600).map(lambda seconds: NOW + timedelta(seconds=seconds))
situations = st.builds(
    Situation,
    step=st.builds(
        Step,
        channel=st.just("email"),
        after=st.integers(0, 24 * 3600).map(lambda seconds: timedelta(seconds=seconds)),
        condition=st.sampled_from(Condition),
    ),
    dispatched_at=st.integers(0, 48 * 3600).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    verdict=st.sampled_from([ON, ON, ON, Verdict(Layer.TENANT, Reason.CHANNEL_OFF)]),
    presence=st.builds(
        Presence, state=st.sampled_from(["active", "idle", "offline", "unknown"]), grace_until=st.none() | moments
    ),
    expires_at=st.none() | moments,
    cancelled=st.sampled_from([False, False, False, True]),
    item=st.sampled_from(list(ITEMS.values())),
    next_at=st.none() | moments,
    paused=st.none() | st.none() | st.sampled_from(Layer),
    delegated=st.sampled_from([False, False, False, True]),
    reach=st.sampled_from([Reach.YES, Reach.YES, Reach.YES, *Reach]),
    quiet=st.none()
    | st.builds(Quiet, st.sampled_from([ALWAYS, NIGHT]), st.just("Europe/Berlin"), st.sampled_from(Layer)),
    cap=st.none() | st.builds(CapState, moments, st.sampled_from(["drop", "digest"]), st.sampled_from(Layer)),
    gather_until=st.none() | moments,
)


@given(situations)
def test_a_wait_is_for_later_and_always_ends(situation: Situation) -> None:
    now = NOW
    for _ in range(200):
        decision = decide(situation, now)
        if not isinstance(decision, Wait):
            return
        if decision.why is Reason.QUIET_HOURS and situation.quiet is not None and situation.quiet.windows == ALWAYS:
            return  # who wants quiet for ever is held for as long
        assert decision.until > now
        assert situation.expires_at is None or decision.until <= situation.expires_at
        now = decision.until if decision.why is not Reason.PRESENCE_UNKNOWN else now + timedelta(hours=1)
    raise AssertionError("it waits for ever")


@given(situations)
def test_what_is_not_known_is_not_sent(situation: Situation) -> None:
    if situation.step.condition.asks_presence and situation.presence.state == "unknown":
        assert not isinstance(decide(situation, NOW), Send | Gather)


@given(situations)
def test_nothing_leaves_early_but_for_who_is_not_connected(situation: Situation) -> None:
    if isinstance(decide(situation, NOW), Send | Gather) and situation.dispatched_at + situation.step.after > NOW:
        assert situation.step.condition.asks_presence
        assert situation.presence.state == "offline"


@given(situations)
def test_nothing_leaves_in_quiet_hours_or_after_it_was_seen(situation: Situation) -> None:
    if not isinstance(decide(situation, NOW), Send | Gather):
        return
    quiet = situation.quiet
    assert quiet is None or quiet_until(quiet.windows, quiet.zone, NOW) is None
    item, condition = situation.item, situation.step.condition
    if item is not None and condition is not Condition.ALWAYS:
        assert item.read_at is None
        assert item.seen_at is None or condition is Condition.UNREAD


@given(situations, st.sampled_from([n for n, (_, kind, _) in enumerate(OBJECTIONS) if kind is Skip]))
def test_an_objection_for_good_lets_nothing_through(situation: Situation, number: int) -> None:
    # What was read is no objection to a step that goes always.
    assume(OBJECTIONS[number][2] is not Reason.READ or situation.step.condition is not Condition.ALWAYS)
    fields = {name: getattr(situation, name) for name in Situation.__struct_fields__} | OBJECTIONS[number][0]
    decision = decide(Situation(**fields), NOW)
    assert not isinstance(decision, Send)
    if OBJECTIONS[number][2] in (Reason.CANCELLED, Reason.EXPIRED, Reason.CATEGORY_OFF):
        assert isinstance(decision, Skip)
