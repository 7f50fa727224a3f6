"""The arithmetic of the benchmark: percentiles, rounds, and when a difference is one. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from statistics import median
from typing import Literal, NamedTuple

Better = Literal["lower", "higher"]


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that occurred, at or below which `percent` of the samples lie.

    Args:
        samples: In any order, at least one.
        percent: 0 < percent <= 100.

    Raises:
        ValueError: no samples, or a percentage outside its range.
    """
    if not samples:
        raise ValueError("a percentile needs at least one sample")
    if not 0 < percent <= 100:
        raise ValueError(f"a percentile lies in (0, 100], not at {percent}")
    # Binary floats make 99.9 * 1000 / 100 a hair more than 999: rounding keeps the rank that was meant.
    return sorted(samples)[math.ceil(round(percent * len(samples) / 100, 9)) - 1]


class Spread(NamedTuple):
    """One figure over all rounds. Rounds are few, so the range is told and no deviation is pretended."""

    median: float
    low: float
    high: float

    @property
    def relative(self) -> float:
        """Half the range as a share of the median: 0.05 reads as ±5 %. 0 where the median is 0."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def spread(rounds: Sequence[float]) -> Spread:
    """Median and range of one figure's rounds.

    Raises:
        ValueError: there was no round.
    """
    if not rounds:
        raise ValueError("a spread needs at least one round")
    return Spread(median(rounds), min(rounds), max(rounds))


class Verdict(Enum):
    """How a figure compares with the baseline's."""

    SAME = "same"  # within the tolerance, or within what the rounds themselves differ by
    BETTER = "better"
    WORSE = "worse"


def change(now: Spread, base: Spread) -> float:
    """How far the median moved, as a share of the baseline's: -0.1 is 10 % less. Infinite from a baseline of 0."""
    if base.median == 0:
        return 0.0 if now.median == 0 else math.inf
    return now.median / base.median - 1


def judge(now: Spread, base: Spread, better: Better, tolerance: float) -> Verdict:
    """Whether `now` differs from `base`: medians more than `tolerance` (a share) apart, and ranges that do not touch.

    Both conditions, because a range of three rounds is narrower than the truth, and a machine that is shared moves
    medians by some percent without any change of ours.
    """
    moved = change(now, base)
    apart = now.low > base.high or now.high < base.low
    if abs(moved) <= tolerance or not apart:
        return Verdict.SAME
    return Verdict.BETTER if (moved < 0) == (better == "lower") else Verdict.WORSE


def histogram(samples: Sequence[float], edges: Sequence[float]) -> list[int]:
    """How many samples lie in each of the `len(edges) + 1` bins; a sample on an edge belongs to the bin above it."""
    counts = [0] * (len(edges) + 1)
    for sample in samples:
        counts[sum(1 for edge in edges if sample >= edge)] += 1
    return counts
