"""The order in which providers are asked."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from hub.model.failover import in_turn


class One(NamedTuple):
    name: str
    order: int = 0
    weight: int = 1


CHANCES = st.floats(0, 1, exclude_max=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1_000)), max_size=10), CHANCES)
def test_everybody_has_a_turn_by_order_and_the_same_chance_gives_the_same(
    ranks: list[tuple[int, int]], chance: float
) -> None:
    providers = [One(str(number), *rank) for number, rank in enumerate(ranks)]
    turns = in_turn(providers, chance)
    assert sorted(turns) == sorted(providers)
    assert [provider.order for provider in turns] == sorted(provider.order for provider in providers)
    assert turns == in_turn(providers, chance)


def test_equals_share_by_weight_also_as_second_choice() -> None:
    providers = [One("a", weight=6), One("b", weight=3), One("c", weight=1)]
    turns = [in_turn(providers, (step + 0.5) / 10_000) for step in range(10_000)]
    assert Counter(turn[0].name for turn in turns) == {"a": 6_000, "b": 3_000, "c": 1_000}
    after_a = Counter(turn[1].name for turn in turns if turn[0].name == "a")
    assert after_a == {"b": 4_500, "c": 1_500}
