"""Headroom is short after a window in which the process had more than its share, and only then."""

from __future__ import annotations

import pytest

from hub.model.headroom import FORGOTTEN_SECONDS, SHARE, WINDOW_SECONDS, Headroom


class Clocks:
    """A clock, and what a process used of it; `asked` counts how often that was looked at."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.consumed = 17.0
        self.asked = 0

    def used(self) -> float:
        self.asked += 1
        return self.consumed

    def run(self, seconds: float, share: float) -> None:
        self.now += seconds
        self.consumed += share * seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def headroom(clocks: Clocks) -> Headroom:
    return Headroom(clocks.used)


def test_nothing_is_short_before_a_window_was_measured(headroom: Headroom, clocks: Clocks) -> None:
    assert not headroom.is_short(clocks.now)
    clocks.run(WINDOW_SECONDS / 2, 1.0)
    assert not headroom.is_short(clocks.now)


@pytest.mark.parametrize(("share", "short"), [(SHARE + 0.01, True), (SHARE - 0.01, False), (2.0, True), (0.0, False)])
def test_a_window_says_it(headroom: Headroom, clocks: Clocks, share: float, short: bool) -> None:
    headroom.is_short(clocks.now)
    clocks.run(WINDOW_SECONDS * 1.01, share)
    assert headroom.is_short(clocks.now) is short


def test_what_a_window_said_holds_until_the_next_is_over_and_the_processor_is_asked_once_in_each(
    headroom: Headroom, clocks: Clocks
) -> None:
    headroom.is_short(clocks.now)
    clocks.run(WINDOW_SECONDS * 1.01, 1.0)
    for _ in range(5):
        assert headroom.is_short(clocks.now)
        clocks.run(WINDOW_SECONDS / 6, 0.0)
    assert clocks.asked == 2
    clocks.run(WINDOW_SECONDS / 2, 0.0)
    assert not headroom.is_short(clocks.now)


def test_what_was_long_ago_says_nothing_about_now(headroom: Headroom, clocks: Clocks) -> None:
    headroom.is_short(clocks.now)
    clocks.run(FORGOTTEN_SECONDS, 1.0)
    assert not headroom.is_short(clocks.now)
    clocks.run(WINDOW_SECONDS * 1.01, 1.0)
    assert headroom.is_short(clocks.now)
