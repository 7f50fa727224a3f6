"""What commands print."""

from __future__ import annotations

from hub.cli.output import printable, table


def test_what_others_wrote_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[31mb\nc\u202ed\x9be") == "a [31mb c d e"
    assert printable("Grüße, 世界 🎉") == "Grüße, 世界 🎉"


def test_columns_are_aligned_under_their_names() -> None:
    rows: list[dict[str, object]] = [{"id": "1", "categories": ["a", "b"]}, {"id": "22", "categories": None}]
    assert table(rows, ["id", "categories"]) == "ID  CATEGORIES\n1   a,b\n22  -"


def test_a_table_of_nothing_shows_its_columns() -> None:
    assert table([], ["id", "created_at"]) == "ID  CREATED AT"
