"""The breaker: its table, when it trips, and that of any number of workers one probes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.model.breaker import (
    ENOUGH,
    FRESH,
    IN_A_ROW,
    JITTER,
    LEAST,
    MAX_OPEN_SECONDS,
    MAX_REST_SECONDS,
    OPEN_SECONDS,
    PROBE_SECONDS,
    TRANSITIONS,
    WINDOW_SECONDS,
    Admission,
    Breaker,
    State,
    Tally,
    admission,
    count,
    free_at,
    probe,
    probed,
    rest,
)

NOW = 1_800_000_000.0


def told(breaker: Breaker, answers: str, now: float = NOW) -> Breaker:
    """After these answers at `now`: `.` a success, `x` a failure."""
    tally = Tally(breaker.era)
    for answer in answers:
        tally.add(now, failed=answer == "x")
    return count(breaker, tally, now, 0.5)


OPEN = told(FRESH, "x" * LEAST)


def test_every_state_has_its_row_and_is_reached() -> None:
    assert set(TRANSITIONS) == set(State)
    reached = {State.CLOSED} | {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State)


@pytest.mark.parametrize(
    "answers,state",
    [
        ("x" * LEAST, State.OPEN),
        ("x." * (LEAST // 2), State.OPEN),
        ("xx." * LEAST + "." * LEAST, State.OPEN),
        ("x..", State.CLOSED),
        (".x" + ".x." * LEAST, State.CLOSED),
        ("x" * (IN_A_ROW - 1), State.CLOSED),
        ("x" * IN_A_ROW, State.OPEN),
        ("." + "x" * IN_A_ROW, State.CLOSED),  # five in a row of six: no outage yet
    ],
)
def test_it_trips_at_half_of_enough_or_when_nothing_but_failures_is_known(answers: str, state: State) -> None:
    assert told(FRESH, answers).state is state


def test_an_outage_under_load_is_seen_at_once_although_all_before_went_well() -> None:
    busy = FRESH
    for second in range(WINDOW_SECONDS):
        busy = told(busy, "." * 3_000, NOW + second)
    assert told(busy, "x" * ENOUGH, NOW + WINDOW_SECONDS).state is State.OPEN


def test_failures_of_long_ago_do_not_count_and_a_trickle_of_them_does() -> None:
    old = told(FRESH, "xxxx.....")
    assert told(old, "x", NOW + WINDOW_SECONDS).state is State.CLOSED
    trickle = FRESH
    for minute in range(IN_A_ROW):
        assert trickle.state is State.CLOSED
        trickle = told(trickle, "x", NOW + 60 * minute)
    assert trickle.state is State.OPEN


def test_what_was_asked_before_it_changed_does_not_count() -> None:
    late = Tally(FRESH.era)
    for _ in range(LEAST):
        late.add(NOW, failed=True)
    open_ = count(FRESH, late, NOW, 0.5)
    half = probe(open_, "a", open_.until)
    closed = probed(half, "a", half.until, 0.5, answered=True)
    assert closed.state is State.CLOSED
    assert count(closed, late, half.until, 0.5) == closed


def test_it_is_probed_once_its_time_has_come_by_one() -> None:
    assert admission(OPEN, OPEN.until - 0.001) is Admission.WAIT
    assert probe(OPEN, "a", OPEN.until - 0.001) == OPEN
    half = probe(OPEN, "a", OPEN.until)
    assert (half.state, half.probe) == (State.HALF_OPEN, "a")
    assert admission(half, OPEN.until) is Admission.WAIT
    assert probe(half, "b", OPEN.until) == half
    assert probed(half, "b", OPEN.until, 0.5, answered=True) == half


def test_a_failed_probe_doubles_the_time_up_to_a_bound_and_a_good_one_starts_anew() -> None:
    breaker, now, opened = OPEN, OPEN.until, []
    for number in range(12):
        breaker = probed(probe(breaker, str(number), now), str(number), now, 0.5, answered=False)
        opened.append(breaker.until - now)
        now = breaker.until
    assert opened[:3] == pytest.approx([OPEN_SECONDS * 2, OPEN_SECONDS * 4, OPEN_SECONDS * 8], abs=1e-5)
    assert opened[-1] == pytest.approx(MAX_OPEN_SECONDS, abs=1e-5)
    closed = probed(probe(breaker, "z", now), "z", now, 0.5, answered=True)
    assert (closed.state, closed.failures, closed.window) == (State.CLOSED, 0, ())


def test_a_lost_probe_is_followed_by_another() -> None:
    half = probe(OPEN, "a", OPEN.until)
    again = probe(half, "b", OPEN.until + PROBE_SECONDS)
    assert again.probe == "b"
    assert probed(again, "a", again.until, 0.5, answered=False) == again


def test_who_asks_for_patience_is_left_alone_and_closed_all_the_same() -> None:
    resting = rest(FRESH, NOW + 30, NOW)
    assert (resting.state, admission(resting, NOW + 29.9)) == (State.CLOSED, Admission.WAIT)
    assert admission(resting, NOW + 30) is Admission.ASK
    assert free_at(resting, NOW) == NOW + 30
    assert rest(resting, NOW + 10, NOW) == resting
    assert rest(FRESH, NOW + 1e12, NOW).rests_until == NOW + MAX_REST_SECONDS


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 40))
def test_the_open_time_keeps_to_its_jitter(chance: float, failures: int) -> None:
    half = Breaker(State.HALF_OPEN, NOW, failures, 1, "a")
    opened = probed(half, "a", NOW, chance, answered=False)
    most = min(MAX_OPEN_SECONDS, OPEN_SECONDS * 2.0 ** (failures + 1))
    assert most * (1 - JITTER) - 1e-5 <= opened.until - NOW <= most * (1 + JITTER) + 1e-5


class Fleet(RuleBasedStateMachine):
    """Workers that share one breaker by compare-and-set, each seeing it as old as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.names = itertools.count()
        self.now = NOW
        self.shared = FRESH
        self.seen = [FRESH] * 3
        self.probes: dict[str, float] = {}  # under way: until when they count

    @initialize()
    def goes_out(self) -> None:
        self.shared = OPEN

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(worker=st.integers(0, 2))
    def reads(self, worker: int) -> None:
        self.seen[worker] = self.shared

    @rule(worker=st.integers(0, 2))
    def probes_it(self, worker: int) -> None:
        who = str(next(self.names))
        before = self.seen[worker]
        wanted = probe(before, who, self.now)
        if wanted != before and self.shared == before:
            self.shared = wanted
            self.probes[who] = wanted.until
        self.seen[worker] = self.shared

    @rule(worker=st.integers(0, 2), answered=st.booleans(), chance=st.floats(0, 1, exclude_max=True), data=st.data())
    def is_answered(self, worker: int, answered: bool, chance: float, data: st.DataObject) -> None:
        if self.probes:
            who = data.draw(st.sampled_from(sorted(self.probes)))
            del self.probes[who]
            self.shared = probed(self.shared, who, self.now, chance, answered=answered)
            self.seen[worker] = self.shared

    @rule(worker=st.integers(0, 2), answers=st.text("x.", max_size=30))
    def counts(self, worker: int, answers: str) -> None:
        if admission(self.seen[worker], self.now) is Admission.ASK:
            tally = Tally(self.seen[worker].era)
            for answer in answers:
                tally.add(self.now, failed=answer == "x")
            self.shared = self.seen[worker] = count(self.shared, tally, self.now, 0.5)

    @invariant()
    def one_probes(self) -> None:
        alive = [who for who, until in self.probes.items() if self.now < until]
        assert len(alive) <= 1
        if self.shared.state is State.HALF_OPEN and self.now < self.shared.until:
            assert admission(self.shared, self.now) is Admission.WAIT


TestFleet = Fleet.TestCase
