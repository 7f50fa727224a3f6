"""When webhooks are tried again, and when an endpoint is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.model.outcome import Failed, Sent, Throttled
from hub.model.webhook import MAX_ASKED, MAX_PAUSE, RETRY_FOR, WAITS, Health, health_of, next_attempt, pause

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(CHANCES)
def test_ten_attempts_are_spread_over_days(chance: float) -> None:
    until, now = NOW + RETRY_FOR, NOW
    attempts = 1
    while (again := next_attempt(attempts, until, now, chance)) is not None:
        assert timedelta(0) < again - now <= WAITS[attempts - 1] * 1.25
        now, attempts = again, attempts + 1
    assert attempts == 10
    assert timedelta(hours=56) < now - NOW < RETRY_FOR


@given(st.integers(1, 9), CHANCES, st.integers(0, 10**9))
def test_what_the_endpoint_asks_for_is_the_least(attempts: int, chance: float, seconds: int) -> None:
    asked = timedelta(seconds=seconds)
    again = next_attempt(attempts, NOW + timedelta(days=30), NOW, chance, asked)
    assert again is not None
    assert again >= NOW + min(asked, MAX_ASKED)


def test_nothing_is_tried_after_its_time() -> None:
    assert next_attempt(1, NOW + timedelta(seconds=1), NOW, 0.5) is None
    assert next_attempt(1, NOW + timedelta(seconds=10), NOW, 0.5) is not None


@given(st.integers(0, 10**6), CHANCES)
def test_an_endpoint_that_takes_nothing_is_left_alone_for_minutes(failures: int, chance: float) -> None:
    wait = pause(failures, chance)
    assert (wait is None) == (failures <= 3)
    assert wait is None or timedelta(seconds=5) < wait <= MAX_PAUSE


def test_health() -> None:
    assert health_of(Sent(), 200) == Health(ok=True)
    assert health_of(Failed("410"), 410) == Health(ok=False, gone=True)
    assert health_of(Throttled(timedelta(seconds=9)), 429) == Health(ok=False, asked=timedelta(seconds=9))
    assert health_of(Failed("no answer"), None) == Health(ok=False)
    assert pause(1, 0.5, timedelta(days=90)) == MAX_ASKED
