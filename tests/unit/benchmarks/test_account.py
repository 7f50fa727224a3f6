"""The account of a long run: whichever comes first, the screen or the answer, and what is left over."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sustained.account import Account


def item(notification: str, rev: int) -> bytes:
    frame = {"type": "item", "rev": rev, "cursor": f"at-{rev}", "item": {"notification_id": notification}}
    return json.dumps(frame).encode()


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30))
def test_whatever_comes_first_nothing_is_left(deliveries: list[tuple[int, bool]]) -> None:
    account = Account(3)
    revs = [0, 0, 0]
    for number, (socket, screen_first) in enumerate(deliveries):
        revs[socket] += 1
        steps = [
            lambda name=f"n{number}", socket=socket: account.accepted("normal", name, [socket], 1_000_000),
            lambda name=f"n{number}", socket=socket: account.arrived(socket, 3_000_000, item(name, revs[socket])),
        ]
        for step in reversed(steps) if screen_first else steps:
            step()
    assert (account.missing, account.strange, account.out_of_order) == (0, 0, 0)
    assert account.delivered["normal"] == len(deliveries)
    assert set(account.window().get("normal", [2.0])) == {2.0}
    assert account.window() == {}


def test_what_is_missing_doubled_strange_or_out_of_order_is_told() -> None:
    account = Account(2)
    account.accepted("bulk", "a", [0, 1], 0)
    account.arrived(0, 5, item("a", 1))
    assert (account.missing, account.strange) == (1, 0)
    account.arrived(0, 6, item("a", 2))
    assert account.strange == 1
    account.arrived(1, 7, item("other", 5))
    assert (account.missing, account.strange, account.out_of_order) == (1, 2, 0)
    account.arrived(1, 8, item("a", 7))
    assert (account.missing, account.out_of_order) == (0, 1)
    assert account.cursor(1) == "at-7"
    assert Account(1).cursor(0) is None
