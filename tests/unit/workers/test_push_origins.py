"""A push service that fails is left alone, then asked by one; one that is silent has a bound."""

from __future__ import annotations

from workers.channels.push_origins import BUSY, FAILURES, MAX_PAUSE_SECONDS, SILENT_SECONDS, Origin


def fail(origin: Origin, now: float, times: int = 1, retry_after: float = 0.0) -> None:
    for _ in range(times):
        origin.asked(now)
        origin.failed(now, retry_after)


def test_single_failures_stop_nothing() -> None:
    origin = Origin()
    for now in range(20):
        fail(origin, now, FAILURES - 1)
        assert origin.wait(now) == 0
        origin.asked(now)
        origin.answered(now)


def test_after_failures_in_a_row_it_is_left_alone_then_asked_by_one() -> None:
    origin = Origin()
    fail(origin, 100, FAILURES)
    assert origin.wait(100) == 1
    assert origin.wait(101) == 0
    origin.asked(101)
    assert origin.wait(101) > 0, "one push asks whether it is back"
    origin.failed(101)
    assert origin.wait(101) == 2, "twice as long"
    origin.asked(103)
    origin.answered(103)
    origin.asked(103)
    assert origin.wait(103) == 0, "it is back"


def test_what_it_asks_for_is_heeded_within_bounds() -> None:
    origin = Origin()
    fail(origin, 0, FAILURES, retry_after=30)
    assert origin.wait(0) == 30
    fail(origin, 0, 50, retry_after=86_400)
    assert origin.wait(0) == MAX_PAUSE_SECONDS


def test_a_silent_one_has_a_bound_and_a_quick_one_none() -> None:
    origin = Origin()
    for _ in range(BUSY * 2):
        assert origin.wait(50) == 0, "a burst is no silence"
        origin.asked(50)
    assert origin.wait(50 + SILENT_SECONDS + 0.1) > 0
    origin.answered(50 + SILENT_SECONDS + 0.1)
    assert origin.wait(50 + SILENT_SECONDS + 0.2) == 0, "it answers"


def test_what_was_taken_back_says_nothing() -> None:
    origin = Origin()
    for _ in range(FAILURES):
        origin.asked(0)
        origin.left()
    assert (origin.wait(0), origin.in_flight) == (0, 0)
