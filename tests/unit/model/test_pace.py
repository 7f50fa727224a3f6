"""Pacing: any stretch of time holds what fits into it, and a place is taken in all paces or in none."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hub.model.pace import PATIENCE_SECONDS, Pace, Place, reserve

NOW = 1_800_000_000.0


@given(
    st.lists(st.floats(0, 0.5), max_size=60),
    st.sampled_from([0.5, 3.0, 10.0, 100.0]),
    st.sampled_from(sorted(PATIENCE_SECONDS.values())),
)
def test_no_stretch_of_time_holds_more_than_fits_into_it(gaps: list[float], rate: float, patience: float) -> None:
    moments: dict[str, float] = {}
    now, gone = NOW, []
    for gap in gaps:
        now += gap
        place = reserve(moments, [Pace("relay", 1 / rate)], patience, now)
        if place.taken:
            assert place.wait <= patience
            gone.append(now + place.wait)
    assert gone == sorted(gone)
    assert all(later - earlier >= 1 / rate - 1e-5 for earlier, later in itertools.pairwise(gone))


def test_a_place_is_taken_in_all_paces_or_in_none() -> None:
    moments = {"person": NOW + 30}
    relay, person = Pace("relay", 0.1), Pace("person", 60.0)
    assert reserve(moments, [relay, person], 1.0, NOW) == Place(30.0, False, "person")  # noqa: FBT003
    assert moments == {"person": NOW + 30}
    assert reserve(moments, [relay], 1.0, NOW) == Place(0.0)


def test_a_backlog_of_bulk_leaves_room_for_critical() -> None:
    moments: dict[str, float] = {}
    relay = [Pace("relay", 0.1)]
    while reserve(moments, relay, PATIENCE_SECONDS["bulk"], NOW).taken:
        pass
    place = reserve(moments, relay, PATIENCE_SECONDS["critical"], NOW)
    assert place.taken
    assert place.wait < PATIENCE_SECONDS["normal"]
