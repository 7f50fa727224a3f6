"""Token buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.exceptions import RateLimited
from hub.web.limits import RateLimiter, household


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_full_at_first_and_refills_steadily() -> None:
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    assert limiter.take("k", 4) == (4, 3, 1)
    assert [limiter.take("k", 4).remaining for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimited) as refusal:
        limiter.take("k", 4)
    assert refusal.value.retry_after == 1
    clock.now += 0.25
    assert limiter.take("k", 4).remaining == 0
    clock.now += 60
    assert limiter.peek("k", 4) == (4, 4, 0)


def test_keys_do_not_share() -> None:
    limiter = RateLimiter(clock=Clock())
    limiter.take("a", 1)
    limiter.take("b", 1)
    with pytest.raises(RateLimited):
        limiter.take("a", 1)


def test_waits_are_told_in_whole_seconds() -> None:
    limiter = RateLimiter(burst_seconds=10, clock=Clock())
    limiter.take("k", 0.1)
    with pytest.raises(RateLimited) as refusal:
        limiter.take("k", 0.1)
    assert refusal.value.retry_after == 10


def test_memory_is_bounded_and_the_idle_are_forgotten_first() -> None:
    limiter = RateLimiter(max_buckets=3, clock=Clock())
    for key in "abacd":
        limiter.take(key, 5)
    assert len(limiter) == 3
    assert limiter.peek("a", 5).remaining == 3
    assert limiter.peek("b", 5).remaining == 5


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    limiter.take("k", 10)
    clock.now -= 100
    assert limiter.peek("k", 10).remaining == 9


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200), st.integers(1, 20))
def test_no_more_pass_than_burst_and_rate_allow(gaps: list[float], rate: int) -> None:
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    passed = 0
    for gap in gaps:
        clock.now += gap
        try:
            limiter.take("k", rate)
            passed += 1
        except RateLimited:
            pass
    assert passed <= rate + sum(gaps) * rate + 1e-6


@pytest.mark.parametrize(
    ("address", "together"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:DB8:1:3::7", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 60_000, "x" * 64),
    ],
)
def test_whoever_has_a_network_is_one(address: str, together: str) -> None:
    assert household(address) == together
