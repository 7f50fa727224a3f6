"""Addresses as servers take them: what is written is safe, and what is not is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.mail_address import MAX_ADDRESS, parse_address, parse_mailbox, same_address, spellings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.org", "ada@example.org"),
        ("ada+tag@example.org", "ada+tag@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("üser@example.org", "üser@example.org"),
        ("ü,eve@evil.example@example.org", '"ü,eve@evil.example"@example.org'),
        ("ü>eve@example.org", '"ü>eve"@example.org'),
        ("ü..b@example.org", '"ü..b"@example.org'),
        ("a..b@example.org", '"a..b"@example.org'),
        (".a@example.org", '".a"@example.org'),
        ('"a b"@example.org', None),
        ("a@my_host.example", "a@my_host.example"),
        ("ada", None),
        ("@example.org", None),
        ("ada@", None),
        ("a d a@example.org", None),
        ("ada@example..org", None),
        ("ada@-example.org", None),
        ("ada@exam ple.org", None),
        ("ada@example.org\r\nBcc: x@y.z", None),
        ("ada\x00@example.org", None),
        ("a\u202eda@example.org", None),
        ("ada@ex\u200dample.org", None),
        ("x" * 65 + "@example.org", None),
        ("x@" + "y." * 130 + "org", None),
        ("ada@xn--\u0131.example", None),
    ],
)
def test_an_address_is_made_ready_or_refused(text: str, address: str | None) -> None:
    if address is None:
        with pytest.raises(ValueError):
            parse_address(text)
    else:
        assert parse_address(text).address == address


@given(st.text(max_size=300))
def test_whatever_is_taken_cannot_end_a_command(text: str) -> None:
    try:
        address = parse_address(text).address
    except ValueError:
        return
    local, _, domain = address.rpartition("@")
    assert domain.isascii()
    assert len(address.encode()) <= MAX_ADDRESS
    assert address.isprintable()
    assert not set(domain) & set(' <>,;:"\\()[]')
    if not local.startswith('"'):
        assert not set(local) & set(' <>,;:"\\()[]')


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("Acme <news@example.com>", "Acme", "news@example.com"),
        ('"Acme, Inc." <news@example.com>', "Acme, Inc.", "news@example.com"),
        (r'"A \"B\" C" <news@example.com>', 'A "B" C', "news@example.com"),
        ("news@example.com", None, "news@example.com"),
        ("<news@example.com>", None, "news@example.com"),
        ("Größe <news@example.com>", "Größe", "news@example.com"),
    ],
)
def test_a_sender_may_have_a_name(text: str, name: str | None, address: str) -> None:
    mailbox = parse_mailbox(text)
    assert (mailbox.name, mailbox.address) == (name, address)


@pytest.mark.parametrize("text", ["Acme news@example.com", "Acme <news>", "a <b@c.d> e", "<>", ""])
def test_what_names_no_sender_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_mailbox(text)


def test_addresses_are_compared_as_the_suppression_list_does() -> None:
    assert same_address("Ada@Example.org", "<ada@example.ORG>")
    assert same_address("ada@bücher.example", "ada@xn--bcher-kva.example")
    assert not same_address("ada@example.org", "bob@example.org")
    assert same_address("no address", "No Address ")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Ada@Example.org", ("ada@example.org",)),
        ("Üser@Example.org", ("üser@example.org",)),
        ("Ada@BÜCHER.example", ("ada@xn--bcher-kva.example", "ada@bücher.example")),
        ("ada@XN--bcher-kva.example", ("ada@xn--bcher-kva.example", "ada@bücher.example")),
        ("ada@bücher。example", ("ada@xn--bcher-kva.example", "ada@bücher.example", "ada@bücher。example")),
        ("ada@xn--.example", ("ada@xn--.example",)),
        ("ada@☃️.example", ("ada@☃️.example",)),
        ("+4930123456", ("+4930123456",)),
    ],
)
def test_one_address_has_the_same_spellings_however_it_is_written(text: str, written: tuple[str, ...]) -> None:
    assert spellings(text) == written


@given(st.text(max_size=300))
def test_any_text_has_a_spelling(text: str) -> None:
    assert all(one for one in spellings(f"a@{text}"))
