"""What has settled is left out of collections, and looked at again after a turnover."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from gateway.heap import FRESH, TURNOVERS, Heap


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_few_are_left_alone() -> None:
    Heap().tidy(FRESH - 1, FRESH - 1)
    assert gc.get_freeze_count() == 0


def test_many_are_left_out_once() -> None:
    heap = Heap()
    heap.tidy(FRESH, FRESH)
    frozen = gc.get_freeze_count()
    assert frozen > 0
    fresh = [[index] for index in range(100)]
    heap.tidy(FRESH + 1, FRESH + 1)
    assert gc.get_freeze_count() <= frozen
    heap.tidy(2 * FRESH, 2 * FRESH)
    assert gc.get_freeze_count() > frozen
    assert len(fresh) == 100


def test_a_cycle_that_was_left_out_is_found_after_a_turnover() -> None:
    class Knot:
        """Freed only by a collection."""

        def __init__(self) -> None:
            self.self = self

        def __del__(self) -> None:
            untied.append(True)

    untied: list[bool] = []
    heap, knot = Heap(), Knot()
    heap.tidy(FRESH, 1)
    del knot
    heap.tidy(2 * FRESH, 1)
    assert not untied
    heap.tidy(TURNOVERS * 10_000 + FRESH, 1)
    assert untied
