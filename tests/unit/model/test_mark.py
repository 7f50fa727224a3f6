"""Marks: the table of actions, and that the server's rule is the client's."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.exceptions import Invalid
from hub.model.counts import ZERO
from hub.model.item import Item, count
from hub.model.mark import CLEARS, MAX_IDS, SETS, Action, Mark, parse_mark, seen_upto

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
UNTIL = NOW + timedelta(hours=1)
ONE = "01890000-0000-7000-8000-000000000001"
TIMES = ("seen_at", "read_at", "clicked_at", "archived_at", "pinned_at", "snoozed_until")


def item(**times: datetime | None) -> Item:
    made = Item(uuid4(), uuid4(), 1, 1, "general", [], None, "{}", BEFORE)
    for name, moment in times.items():
        setattr(made, name, moment)
    return made


items = st.builds(item, **{name: st.sampled_from([None, BEFORE]) for name in TIMES})
marks = st.sampled_from([Mark(action, until=UNTIL if action is Action.SNOOZE else None) for action in Action])


def by_the_clients_rule(held: Item, mark: Mark) -> Item:
    """The contract's `update`: a non-null time only where the field is null, `snoozed_until` always."""
    after = copy.copy(held)
    for name, value in mark.fields(NOW).items():
        if value is None or name == "snoozed_until" or held[name] is None:
            setattr(after, name, value)
    return after


@given(items, marks)
def test_what_the_hub_does_is_what_a_client_does_with_the_update(held: Item, mark: Mark) -> None:
    expected = by_the_clients_rule(held, mark)
    done = copy.copy(held)
    mark.apply(done, NOW)
    assert done == expected
    if mark.action is not Action.DELETE:
        assert mark.changes(held) == (expected != held)


@given(items, marks)
def test_the_same_mark_again_changes_nothing(held: Item, mark: Mark) -> None:
    mark.apply(held, NOW)
    if mark.action is not Action.DELETE:
        assert not mark.changes(held)


@given(st.lists(marks, max_size=6), items)
def test_counts_are_of_live_items_and_unread_implies_neither_more_nor_less(sequence: list[Mark], held: Item) -> None:
    for mark in sequence:
        mark.apply(held, NOW)
    counted = count(held)
    if held.archived_at is not None or held.snoozed_until is not None:
        assert counted == ZERO
    else:
        assert counted == (held.seen_at is None, held.read_at is None, 1)


def test_reading_implies_seeing_and_clicking_implies_reading() -> None:
    for action, implied in (
        (Action.READ, {"read_at", "seen_at"}),
        (Action.CLICK, {"clicked_at", "read_at", "seen_at"}),
    ):
        assert set(Mark(action).fields(NOW)) == implied


def test_every_action_sets_clears_snoozes_or_deletes() -> None:
    assert {*SETS, *CLEARS, Action.SNOOZE, Action.DELETE} == set(Action)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"action": "read", "ids": [ONE]}, Mark(Action.READ, (UUID(ONE),))),
        ({"action": "read", "ids": [ONE, ONE.upper()]}, Mark(Action.READ, (UUID(ONE),))),
        ({"action": "seen", "all": True, "upto": 0}, Mark(Action.SEEN, upto=0)),
        (
            {"action": "archive", "all": True, "category": "c/1", "tag": "é", "upto": None},
            Mark(Action.ARCHIVE, category="c/1", tag="é"),
        ),
        (
            {"action": "snooze", "ids": [ONE], "until": "2026-11-21T11:00:00.0019+01:00"},
            Mark(Action.SNOOZE, (UUID(ONE),), until=NOW + timedelta(hours=1, milliseconds=1)),
        ),
    ],
)
def test_marks_that_are_understood(body: dict[str, Any], expected: Mark) -> None:
    assert parse_mark(body, NOW) == expected


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ([], []),
        ({}, ["action", "ids"]),
        ({"action": "eat", "ids": [ONE]}, ["action"]),
        ({"action": ["read"], "ids": [ONE]}, ["action"]),
        ({"action": "read", "ids": [ONE], "all": True}, ["ids"]),
        ({"action": "read", "all": False}, ["all"]),
        ({"action": "read", "ids": []}, ["ids"]),
        ({"action": "read", "ids": ONE}, ["ids"]),
        ({"action": "read", "ids": [ONE] * (MAX_IDS + 1)}, ["ids"]),
        ({"action": "read", "ids": [ONE, 7, None, "x" * 36]}, ["ids.1", "ids.2", "ids.3"]),
        ({"action": "read", "ids": [ONE], "upto": 3, "tag": "t"}, ["upto", "tag"]),
        ({"action": "read", "all": True, "upto": -1}, ["upto"]),
        ({"action": "read", "all": True, "upto": True}, ["upto"]),
        ({"action": "read", "all": True, "upto": 1.0}, ["upto"]),
        ({"action": "read", "all": True, "upto": 2**63}, ["upto"]),
        ({"action": "read", "all": True, "tag": "", "category": "x" * 256}, ["category", "tag"]),
        ({"action": "read", "all": True, "tag": "\x00"}, ["tag"]),
        ({"action": "read", "all": True, "tag": "\x1f"}, ["tag"]),
        ({"action": "read", "all": True, "category": "\ud800"}, ["category"]),
        ({"action": "read", "ids": [ONE], "until": "2026-11-21T11:00:00Z"}, ["until"]),
        ({"action": "snooze", "ids": [ONE]}, ["until"]),
        ({"action": "snooze", "ids": [ONE], "until": 1}, ["until"]),
        ({"action": "snooze", "ids": [ONE], "until": "2026-11-21T09:00:00Z"}, ["until"]),
        ({"action": "snooze", "ids": [ONE], "until": "2026-11-21T11:00:00"}, ["until"]),
        ({"action": "snooze", "ids": [ONE], "until": "2026-11-22"}, ["until"]),
        ({"action": "snooze", "ids": [ONE], "until": "9999-12-31T23:59:59-14:00"}, ["until"]),
        ({"action": "snooze", "ids": [ONE], "until": "0001-01-01T00:00:00+14:00"}, ["until"]),
        ({"action": "read", "ids": [ONE], "why": 1}, ["why"]),
    ],
)
def test_marks_that_are_refused_name_the_wrong_field(body: Any, paths: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        parse_mark(body, NOW)
    assert [error.path for error in refused.value.errors] == paths


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "action": json_values | st.sampled_from(list(Action)).map(str),
        "ids": json_values | st.lists(st.just(ONE) | json_values, max_size=3),
        "all": json_values,
        "upto": json_values,
        "category": json_values,
        "tag": json_values,
        "until": json_values | st.datetimes().map(lambda moment: f"{moment.isoformat()}+14:00"),
    },
)


@given(bodies | json_values)
def test_whatever_comes_is_a_mark_or_refused(body: object) -> None:
    try:
        mark = parse_mark(body, NOW)
    except Invalid:
        return
    assert (mark.ids is None) != (not isinstance(body, dict) or not body.get("all"))
    for name in (mark.category, mark.tag):
        assert name is None or len(name.encode("utf-8")) <= 1_020


def test_seen_up_to_a_revision_is_a_mark_by_filter() -> None:
    assert seen_upto(7) == Mark(Action.SEEN, upto=7)
    assert seen_upto(7).scope(7) == {"all": True, "upto": 7}
