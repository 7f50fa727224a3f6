"""What foreign servers write into Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.answers import read_retry_after

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text,seconds",
    [
        (None, None), ("", None), ("-5", None), ("1e9", None), ("soon", None), ("٣", None), ("0", 0), (" 120 ", 120),
        ("Sun, 01 Nov 2026 00:01:00 GMT", 60), ("Sun, 01 Nov 2020 00:00:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999", None), ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)  # fmt: skip
def test_it_is_read_where_it_says_something(text: str | None, seconds: int | None) -> None:
    assert read_retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))


PARTS = ["Wed", "Oct", " ", ",", "-", "+", "1", "9999999999999999999", "2026", ":", "GMT", "/", ".", "0"]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PARTS), max_size=12).map("".join)))
def test_nothing_that_is_written_there_raises(text: str) -> None:
    found = read_retry_after(text, NOW)
    assert found is None or found >= timedelta(0)
