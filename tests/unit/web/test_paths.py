"""Paths: split before they are decoded."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.exceptions import Malformed, Refused
from hub.web.paths import NAME, split_path

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_quoted_names_come_back_as_their_own_segments(names: list[str]) -> None:
    raw = "".join("/" + quote(name, safe="") for name in names).encode("ascii")
    assert split_path(raw) == names


@given(st.binary(max_size=50))
def test_any_bytes_are_segments_or_malformed(raw: bytes) -> None:
    try:
        assert all(isinstance(segment, str) for segment in split_path(b"/" + raw))
    except Refused as error:
        if error.code != "malformed_path":
            raise


@pytest.mark.parametrize(
    "raw, segments",
    [
        (b"/", [""]),
        (b"/a/", ["a", ""]),
        (b"/project%2F42", ["project/42"]),
        (b"/%252f", ["%2f"]),
        (b"/a:b;c=d", ["a:b;c=d"]),
        (b"/..", [".."]),
        ("/ä".encode(), ["ä"]),
    ],
)
def test_examples(raw: bytes, segments: list[str]) -> None:
    assert split_path(raw) == segments


@pytest.mark.parametrize("raw", [b"/%", b"/%2", b"/%zz", b"/a%", b"/%ff", b"/%c3", b"/\xff", b"/%ed%a0%80"])
def test_what_cannot_be_decoded_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        split_path(raw)


@pytest.mark.parametrize(
    "name, good", [("a", True), ("x" * 255, True), ("x" * 256, False), ("", False), ("a\nb", False)]
)
def test_names(name: str, good: bool) -> None:
    assert (NAME.fullmatch(name) is not None) is good
    assert NAME.fullmatch("a\x7f") is None
    assert NAME.fullmatch("a\x85") is None
    assert NAME.fullmatch("a\n") is None


def test_half_of_a_surrogate_pair_is_in_no_name() -> None:
    """The claims of a JWT may escape one; no UTF-8 and no Postgres text holds it."""
    assert NAME.fullmatch("\ud83d") is None
    assert NAME.fullmatch("\U0001f600") is not None
