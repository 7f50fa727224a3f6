"""The retry budget: within any window no more retries than its share and its floor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.model.retry_budget import FLOOR_PER_SECOND, SHARE, WINDOW_SECONDS, RetryBudget

NOW = 1_800_000_000.0
FLOOR = FLOOR_PER_SECOND * WINDOW_SECONDS


@given(st.lists(st.tuples(st.floats(0, 4), st.booleans(), st.integers(1, 90)), max_size=60))
def test_retries_stay_within_the_budget_of_every_window(steps: list[tuple[float, bool, int]]) -> None:
    budget, now = RetryBudget(), NOW
    sent: list[tuple[float, bool]] = []
    for gap, retry, many in steps:
        now += gap
        taken = [(now, retry) for _ in range(many) if budget.take(now, retry=retry)]
        sent += taken
        window = [again for at, again in sent if int(at) > int(now) - WINDOW_SECONDS]
        if retry and taken:
            assert window.count(True) <= FLOOR + SHARE * window.count(False)
        assert retry or len(taken) == many


def test_a_few_can_always_be_repeated_and_more_once_more_is_sent() -> None:
    budget = RetryBudget()
    assert sum(budget.take(NOW, retry=True) for _ in range(1_000)) == FLOOR
    for _ in range(1_000):
        assert budget.take(NOW, retry=False)
    assert sum(budget.take(NOW, retry=True) for _ in range(1_000)) == SHARE * 1_000
    assert not budget.allows(NOW + WINDOW_SECONDS - 1)
    assert budget.allows(NOW + WINDOW_SECONDS)
