"""Signatures of providers' webhooks: only theirs, only lately, only of these bytes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.security.provider_signatures import is_mailgun, is_sendgrid, read_sendgrid_key
from tests.support.reports import SendGrid, mailgun_signature

NOW = 1_800_000_000.0
BODY = b'[{"event":"bounce"}]\r\n'


def test_sendgrid_signs_the_time_and_the_bytes() -> None:
    sendgrid = SendGrid()
    signature = sendgrid.sign(BODY, NOW)
    key, stamp = sendgrid.key, str(int(NOW))
    assert is_sendgrid(key, signature, stamp, BODY, NOW)
    assert not is_sendgrid(key, signature, stamp, BODY.strip(), NOW)
    assert not is_sendgrid(key, signature, str(int(NOW) + 1), BODY, NOW)
    assert not is_sendgrid(SendGrid().key, signature, stamp, BODY, NOW)
    for wrong in (None, "", "x", "ü", base64.b64encode(b"x").decode()):
        assert not is_sendgrid(key, wrong, stamp, BODY, NOW)
    for wrong in (None, "", "-1", "1e9", "٣", "9" * 400):
        assert not is_sendgrid(key, signature, wrong, BODY, NOW)


def test_a_key_may_be_framed_as_pem() -> None:
    key = SendGrid().key
    framed = f"-----BEGIN PUBLIC KEY-----\n{key[:64]}\n{key[64:]}\n-----END PUBLIC KEY-----\n"
    assert read_sendgrid_key(framed) == read_sendgrid_key(key)


def test_mailgun_signs_the_time_and_a_token() -> None:
    signature = mailgun_signature("key", NOW)
    assert is_mailgun("key", signature, NOW)
    assert not is_mailgun("other", signature, NOW)
    for name in ("timestamp", "token", "signature"):
        assert not is_mailgun("key", {**signature, name: signature[name] + "0"}, NOW)
        assert not is_mailgun("key", {key: value for key, value in signature.items() if key != name}, NOW)
        assert not is_mailgun("key", {**signature, name: 7}, NOW)
    nothing: Any
    for nothing in (None, [], "x", {}):
        assert not is_mailgun("key", nothing, NOW)


@pytest.mark.parametrize(
    ("age", "taken"), [(0, True), (24 * 3600, True), (26 * 3600, False), (-200, True), (-400, False)]
)
def test_what_is_repeated_within_a_day_is_taken_and_nothing_older(age: float, *, taken: bool) -> None:
    sendgrid, then = SendGrid(), NOW - age
    assert is_sendgrid(sendgrid.key, sendgrid.sign(BODY, then), str(int(then)), BODY, NOW) is taken
    assert is_mailgun("key", mailgun_signature("key", then), NOW) is taken


def test_a_key_that_is_none_is_told() -> None:
    for text in ("", "x", "AAAA", base64.b64encode(b"x" * 91).decode()):
        with pytest.raises(ValueError, match="public key"):
            read_sendgrid_key(text)
    other = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(ValueError, match="elliptic"):
        read_sendgrid_key(
            base64.b64encode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        )
    assert isinstance(read_sendgrid_key(SendGrid().key), ec.EllipticCurvePublicKey)
