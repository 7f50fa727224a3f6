"""Masking: what must never be read in a detail, and what should still be."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.masking import MAX_CHARACTERS, mask


@pytest.mark.parametrize(
    "said,shown",
    [
        (
            "550 5.1.1 <ada.lovelace@example.com>: Recipient address rejected: User unknown",
            "550 5.1.1 <a***@example.com>: Recipient address rejected: User unknown",
        ),
        ("o'brien@example.com, jürgen@bücher.example", "o***@example.com, j***@bücher.example"),
        ('"john smith"@example.com is full', "j***@example.com is full"),
        ("RCPT TO:<bob+x=y@example.com>", "RCPT TO:<b***@example.com>"),
        ("The 'To' number +1 415-555-0100 is invalid", "The 'To' number *** is invalid"),
        ("4155550100 and 415-555-0100 and (415) 555-0100", "*** and *** and ***"),
        ("smtp://user:pa:ss@relay.example.com:587 refused", "smtp://relay.example.com:587 refused"),
        ("POST https://push.example.com/send/dXJ:APA91b said 410", "POST https://push.example.com/… said 410"),
        ("GET /x?token=abc&user=ada: 404", "GET /x?… 404"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ("Bearer abcdef.ghi-jkl is over; Basic dXNlcjpwYXNz too", "Bearer *** is over; Basic *** too"),
        ('{"access_token": "x1y2", "password":"hunter2"}', '{"access_token": "***", "password":"***"}'),
        ("account AC0123456789abcdef0123456789abcdef is closed", "account *** is closed"),
    ],
)
def test_addresses_numbers_and_secrets_are_hidden(said: str, shown: str) -> None:
    assert mask(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "421 4.7.0 Try again later (10.0.0.1)",
        "535 5.7.8 Username and Password not accepted",
        "basic authentication failed; bearer tokens only",
        "no answer within 30 s",
        "503 at 2026-11-25 12:00:01, queued as 4F2A1C9D8E7",
        "Cannot connect to host relay-1.example.com:587 ssl:default",
        "delivery 3f2a4b5c-1111-2222-3333-444455556666 is unknown",
        "invalid key length",
        "",
    ],
)
def test_what_helps_to_find_the_fault_is_left(said: str) -> None:
    assert mask(said) == said


WORDS = st.text(st.characters(codec="utf-8"), max_size=40)
ATOMS = st.text(string.ascii_letters + string.digits + ".!#$%&*+/=?^_`{|}~-'", min_size=2, max_size=30)


@given(WORDS, ATOMS, WORDS)
def test_an_address_is_never_shown(before: str, local: str, after: str) -> None:
    address = f"{local}@example.com"
    assert address not in mask(f"{before} {address} {after}").replace(f"{local[0]}***", "")


@given(st.text(max_size=600))
def test_it_is_bounded_and_masking_again_changes_nothing(text: str) -> None:
    once = mask(text)
    assert len(once) <= MAX_CHARACTERS
    assert mask(once) == once


@pytest.mark.parametrize("piece", ["a", "a@", "1", "1 ", "://", "a://a", "?a=", "token=", '"', "a.", "Basic ", "+1 "])
def test_nothing_takes_it_long(piece: str) -> None:
    started = time.process_time()
    mask(piece * 1_000_000)
    assert time.process_time() - started < 2
