"""Ladders: which steps stand behind each other, which side by side."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.ladder import has_in_app, outside_lines
from hub.model.policy import CHANNELS, OUTSIDE_CHANNELS, Condition, Policy, Step

MINUTE = timedelta(minutes=1)
steps = st.builds(
    Step,
    st.sampled_from(CHANNELS),
    st.sampled_from([timedelta(0), MINUTE, 10 * MINUTE]),
    st.sampled_from(Condition),
)
orders = st.permutations(OUTSIDE_CHANNELS).map(tuple) | st.just(())
requests = st.none() | st.sets(st.sampled_from(CHANNELS))


def policy(*ladder: Step) -> Policy:
    return Policy("x", "opted_in", "transactional", ladder)


def test_the_usual_ladder_is_one_line() -> None:
    push, mail = Step("web_push", timedelta(0), Condition.AWAY), Step("email", 10 * MINUTE, Condition.UNSEEN)
    assert outside_lines(policy(Step("in_app"), push, mail), None) == ((push, mail),)


def test_steps_of_one_delay_are_side_by_side() -> None:
    push, mail, later = Step("web_push"), Step("email"), Step("email", MINUTE)
    assert outside_lines(policy(push, mail, later), None) == ((push, later), (mail,))


def test_a_step_whose_delay_may_be_waived_stands_behind_none() -> None:
    mail, push = Step("email", MINUTE, Condition.UNSEEN), Step("web_push", 10 * MINUTE, Condition.OFFLINE)
    assert outside_lines(policy(mail, push), None) == ((mail,), (push,))


def test_an_order_moves_channels_and_leaves_delays() -> None:
    push, mail = Step("web_push", timedelta(0), Condition.AWAY), Step("email", MINUTE, Condition.UNSEEN)
    assert outside_lines(policy(push, mail), None, ("email", "web_push")) == (
        (Step("email", timedelta(0), Condition.AWAY), Step("web_push", MINUTE, Condition.UNSEEN)),
    )


@pytest.mark.parametrize(
    ("requested", "stored"), [(None, True), ({"in_app"}, True), ({"email"}, False), (set(), False)]
)
def test_channels_narrow_the_ladder(requested: set[str] | None, stored: bool) -> None:
    ladder = policy(Step("in_app"), Step("email"), Step("web_push"))
    assert has_in_app(ladder, requested) is stored
    held = {step.channel for line in outside_lines(ladder, requested) for step in line}
    assert held == ({"email", "web_push"} & (requested if requested is not None else set(CHANNELS)))
    assert not has_in_app(policy(Step("email")), None)


@given(st.lists(steps, max_size=10), requests, orders)
def test_every_step_once_and_lines_that_climb(
    ladder: list[Step], requested: set[str] | None, order: tuple[str, ...]
) -> None:
    lines = outside_lines(policy(*ladder), requested, order)
    wanted = [step for step in ladder if step.channel != "in_app" and (requested is None or step.channel in requested)]
    held = [step for line in lines for step in line]
    assert sorted((s.after, s.condition) for s in held) == sorted((s.after, s.condition) for s in wanted)
    assert sorted(s.channel for s in held) == sorted(s.channel for s in wanted)
    for line in lines:
        assert line
        afters = [step.after for step in line]
        assert afters == sorted(set(afters))
        assert not any(step.condition.asks_presence for step in line[1:])
