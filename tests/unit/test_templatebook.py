"""The templates that a process keeps: bounded by what they take."""

from __future__ import annotations

from typing import Any

from hub.publish.templatebook import KEPT_CHARACTERS, Templatebook


def document(characters: int) -> dict[str, Any]:
    return {"kind": "message", "channels": {"in_app": {"title": "t"}, "email": {"html": "x" * (characters - 1)}}}


def test_large_templates_leave_before_they_fill_the_memory() -> None:
    book = Templatebook()
    size = KEPT_CHARACTERS // 3
    kept = [book.keep(1, name, {name: 1}, {name: document(size)}) for name in ("a", "b", "c")]
    assert [book.keep(1, name, {name: 1}, {}) for name in ("a", "b", "c")] == kept
    book.keep(1, "d", {"d": 1}, {"d": document(size)})
    assert book.keep(1, "b", {"b": 1}, {}) is kept[1]
    assert book.keep(1, "a", {"a": 1}, {"a": document(1)}) is not kept[0], "the one that was not used for the longest"


def test_one_that_is_larger_than_all_is_kept_alone() -> None:
    book = Templatebook()
    large = book.keep(1, "a", {"a": 1}, {"a": document(2 * KEPT_CHARACTERS)})
    assert book.keep(1, "a", {"a": 1}, {}) is large
    small = book.keep(1, "b", {"b": 1}, {"b": document(10)})
    assert book.keep(1, "b", {"b": 1}, {}) is small
