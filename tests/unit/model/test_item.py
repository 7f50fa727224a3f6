"""What an item looks like to clients."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from hub.model.item import Item, render, render_new

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@given(seq=st.integers(1, 2**53), rev=st.integers(1, 2**53), created_at=TIMES, expires_at=st.none() | TIMES)
def test_a_new_item_looks_as_every_item(seq: int, rev: int, created_at: datetime, expires_at: datetime | None) -> None:
    item = Item(uuid4(), uuid4(), seq, rev, "c", ["t"], None, '{"title":"é"}', created_at, expires_at=expires_at)
    assert render_new(item) == render(item)
