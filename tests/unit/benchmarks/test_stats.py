"""benchmarks.stats: percentiles, rounds, verdicts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats import Better, Spread, Verdict, change, histogram, judge, percentile, spread

numbers = st.floats(min_value=0, max_value=1e9, allow_nan=False)


def test_percentile_is_the_nearest_rank() -> None:
    samples = [15.0, 20.0, 35.0, 40.0, 50.0]
    assert [percentile(samples, p) for p in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]


def test_percentile_of_a_thousand_takes_the_rank_that_was_meant() -> None:
    samples = [float(n) for n in range(1, 1001)]
    assert (percentile(samples, 99.9), percentile(samples, 99), percentile(samples, 50)) == (999, 990, 500)


@given(st.lists(numbers, min_size=1), st.floats(min_value=0.001, max_value=100))
def test_percentile_occurred_and_splits_the_samples(samples: list[float], percent: float) -> None:
    value = percentile(samples, percent)
    assert value in samples
    assert sum(sample <= value for sample in samples) >= percent / 100 * len(samples) - 1e-6
    assert sum(sample < value for sample in samples) < percent / 100 * len(samples) + 1e-6


@pytest.mark.parametrize(("samples", "percent"), [([], 50), ([1.0], 0), ([1.0], 100.1), ([1.0], -1)])
def test_percentile_refuses_what_it_cannot_answer(samples: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(samples, percent)


def test_spread_is_median_and_range() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2, 1, 3)
    assert spread([1.0, 2.0]) == Spread(1.5, 1, 2)
    assert spread([3.0, 1.0, 2.0]).relative == 0.5
    assert spread([0.0]).relative == 0
    with pytest.raises(ValueError, match="round"):
        spread([])


@pytest.mark.parametrize(
    ("now", "better", "verdict"),
    [
        (Spread(100, 99, 101), "lower", Verdict.SAME),
        (Spread(120, 119, 121), "lower", Verdict.WORSE),
        (Spread(120, 119, 121), "higher", Verdict.BETTER),
        (Spread(80, 79, 81), "lower", Verdict.BETTER),
        (Spread(80, 79, 81), "higher", Verdict.WORSE),
        (Spread(120, 95, 121), "lower", Verdict.SAME),  # one round was as before: no verdict on three
        (Spread(109, 108, 110), "lower", Verdict.SAME),  # apart, but within the tolerance
    ],
)
def test_a_verdict_needs_distance_and_ranges_apart(now: Spread, better: Better, verdict: Verdict) -> None:
    assert judge(now, Spread(100, 98, 102), better, 0.1) is verdict


@given(numbers, numbers)
def test_equal_spreads_are_the_same_and_verdicts_mirror(a: float, b: float) -> None:
    one, other = Spread(a, a, a), Spread(b, b, b)
    assert judge(one, one, "lower", 0.0) is Verdict.SAME
    if judge(one, other, "lower", 0.0) is Verdict.WORSE:
        assert judge(one, other, "higher", 0.0) is Verdict.BETTER


def test_change_is_a_share_of_the_baseline() -> None:
    assert change(Spread(90, 90, 90), Spread(100, 100, 100)) == pytest.approx(-0.1)
    assert change(Spread(0, 0, 0), Spread(0, 0, 0)) == 0
    assert change(Spread(1, 1, 1), Spread(0, 0, 0)) == math.inf


@given(st.lists(numbers))
def test_histogram_loses_no_sample(samples: list[float]) -> None:
    assert sum(histogram(samples, [1.0, 10.0, 100.0])) == len(samples)


def test_histogram_puts_a_sample_on_an_edge_above_it() -> None:
    assert histogram([0.5, 1.0, 9.9, 10.0, 50.0], [1.0, 10.0]) == [1, 2, 2]
