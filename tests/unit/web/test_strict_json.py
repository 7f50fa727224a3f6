"""Bodies: what is JSON to us, what is refused, and that nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.exceptions import Malformed
from hub.web.strict_json import MAX_DEPTH, parse_json

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5), max_leaves=20
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_every_storable_value_is_read_as_it_was_written(value: Any, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8")
    assert parse_json(raw) == value


@given(st.binary(max_size=200) | TEXT.map(lambda text: text.encode("utf-8")))
def test_any_bytes_are_a_value_or_malformed(raw: bytes) -> None:
    try:
        parse_json(raw)
    except Malformed as error:
        if error.code != "malformed_json":
            raise


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b'{"a":1,"b":{"c":1,"c":2}}', "the name 'c' stands twice"),
        (b"[NaN]", "NaN is no JSON value"),
        (b"[-Infinity]", "-Infinity is no JSON value"),
        (b"1e400", "too large for a float"),
        (b"9223372036854775808", "does not fit 64 bits"),
        (b"-9223372036854775809", "does not fit 64 bits"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\u0000":1}', "U+0000"),
        (b'"\xc3"', "byte 1 is not UTF-8"),
        (b'{\n "a" 1}', "line 2, column 6"),
    ],
)
def test_refusals_say_what_and_where(raw: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason.replace("+", r"\+")):
        parse_json(raw)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_ends_at_its_limit(opening: bytes, closing: bytes) -> None:
    parse_json(opening * MAX_DEPTH + b"1" + closing * MAX_DEPTH)
    with pytest.raises(Malformed, match="nested more than 64 levels"):
        parse_json(opening * (MAX_DEPTH + 1) + b"1" + closing * (MAX_DEPTH + 1))


def test_width_is_no_depth() -> None:
    assert len(parse_json(b"[" + b",".join([b'[{"a":"[[[["}]'] * 10_000) + b"]")) == 10_000


def test_brackets_in_strings_are_no_nesting() -> None:
    value = {"a": '\\"' + "[" * 500, "b": [[1]] * 40}
    assert parse_json(json.dumps(value).encode()) == value


def test_the_largest_integers_are_exact() -> None:
    assert parse_json(b"[9223372036854775807,-9223372036854775808]") == [2**63 - 1, -(2**63)]
