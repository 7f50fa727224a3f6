"""Addresses in messages: where, never as whom; and numbers as they were before jsonb."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import load_settings
from hub.exceptions import ConfigError, Unreachable
from hub.store.database import Database, _decode_jsonb, describe

PASSWORDS = ["s3cr/et", "s3cr#et", "s3cr?et", "s3cr@et", "s3cr:et", "s3cr[et"]
GOOD = {"database_url": "postgresql://h/d", "redis_url": "redis://h", "secret": "x" * 40}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://hub:secret@db.example.com/hub", "db.example.com:5432"),
        ("postgresql://hub:secret@[::1]:6432/hub", "::1:6432"),
        ("postgresql://hub:secret@a:5432,b:5433/hub", "a:5432,b:5433"),
        ("postgresql:///hub?host=/run/postgresql", "/run/postgresql:5432"),
        ("postgresql://hub:s3cr/et@db/hub", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_credentials(url: str, shown: str) -> None:
    assert describe(url) == shown


@pytest.mark.parametrize("password", PASSWORDS)
async def test_a_password_that_was_not_encoded_shows_in_no_message(password: str) -> None:
    with pytest.raises(Unreachable) as unreachable:
        await Database.connect(f"postgresql://hub:{password}@127.0.0.1:1/hub")
    assert "s3cr" not in str(unreachable.value)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("name", ["database_url", "redis_url"])
def test_nor_in_what_settings_say(name: str, password: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scheme = "postgresql" if name == "database_url" else "redis"
    said = f"HUB_{name.upper()}"
    try:
        load_settings(**{**GOOD, name: f"{scheme}://hub:{password}@127.0.0.1:1/0"})
    except ConfigError as error:
        said = str(error)
    assert f"HUB_{name.upper()}" in said
    assert "s3cr" not in said


def test_several_hosts_are_an_address(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = "postgresql://hub:secret@a:5432,[::1]:5433,c/hub?target_session_attrs=primary"
    assert load_settings(**{**GOOD, "database_url": url}).database_url.get_secret_value() == url


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


def as_jsonb_writes(value: Any) -> bytes:
    """Whole numbers with all their digits, as Postgres' numeric has them."""
    if isinstance(value, list):
        return b"[%b]" % b",".join(as_jsonb_writes(entry) for entry in value)
    if isinstance(value, dict):
        return b"{%b}" % b",".join(
            b"%b:%b" % (msgspec.json.encode(name), as_jsonb_writes(entry)) for name, entry in value.items()
        )
    if isinstance(value, float) and value.is_integer() and abs(value) > 2**53:
        digits, _, exponent = f"{value!r}".replace(".", "").partition("e+")
        if exponent:
            return (digits + "0" * (int(exponent) - len(digits.lstrip("-")) + 1)).encode()
    return msgspec.json.encode(value)


def as_javascript_reads(value: Any) -> Any:
    """Every number a double."""
    if isinstance(value, list):
        return [as_javascript_reads(entry) for entry in value]
    if isinstance(value, dict):
        return {name: as_javascript_reads(entry) for name, entry in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(json_values)
def test_what_comes_out_of_jsonb_is_what_went_in(value: Any) -> None:
    found = _decode_jsonb(b"\x01" + as_jsonb_writes(value))
    assert as_javascript_reads(found) == as_javascript_reads(value)
    assert len(msgspec.json.encode(found)) <= len(msgspec.json.encode(value)) + 20 * str(value).count("e+")
