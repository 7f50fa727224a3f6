"""The capacity model: what a plan must have, and that it is made from the result files that are there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.capacity import BEGIN, PAGE, SCALE, Demand, Hardware, Plan, page, plan, read_costs, written
from benchmarks.results import BASELINE, load

COSTS = read_costs(load(BASELINE), json.loads(SCALE.read_text()))


def cores(found: Plan) -> dict[str, float]:
    return {part.name: part.cores for part in found.parts}


@given(
    st.builds(
        Demand,
        per_second=st.floats(1, 1e6),
        people=st.integers(1, 10**9),
        singles=st.floats(0, 1),
        retention_days=st.floats(1, 3_650),
    ),
    st.builds(Hardware, cores=st.integers(1, 128), used=st.floats(0.1, 1)),
)
def test_a_plan_has_room_for_its_load(demand: Demand, hardware: Hardware) -> None:
    found = plan(demand, hardware, COSTS)
    for part in found.parts:
        assert part.machines * hardware.cores * hardware.used >= part.cores * 0.999
        assert part.machines * hardware.memory_gib * hardware.used >= part.memory_gib * 0.999
        assert part.machines >= 2  # one may be away
    assert found.databases * hardware.most_tib >= found.disk_tib * 0.999


def test_costs_grow_in_a_straight_line() -> None:
    one, two = (plan(Demand(per_second=n, people=int(500 * n)), Hardware(), COSTS) for n in (100_000, 200_000))
    assert cores(two) == pytest.approx({name: 2 * busy for name, busy in cores(one).items()})
    assert two.disk_tib == pytest.approx(2 * one.disk_tib)


def test_mails_and_pushes_are_paid_for_by_workers_and_postgres() -> None:
    quiet, loud = (plan(replace(Demand(), mails=share), Hardware(), COSTS) for share in (0.0, 0.5))
    assert cores(loud)["worker"] > cores(quiet)["worker"]
    assert cores(loud)["Postgres"] > cores(quiet)["Postgres"]
    assert cores(loud)["gateway"] == cores(quiet)["gateway"]


def test_the_page_is_what_the_result_files_say() -> None:
    document = PAGE.read_text()
    assert BEGIN in document
    assert written(document, page(load(BASELINE), json.loads(SCALE.read_text()))) == document, (
        "run: .venv/bin/python -m benchmarks.capacity --write"
    )
