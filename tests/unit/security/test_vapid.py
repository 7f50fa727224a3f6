"""VAPID keys: read in every spelling, never shown."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.security.vapid import check_contact, decode, is_point, make_key, read_key

PEM = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(*PEM, encryption).decode("ascii")


def test_a_key_is_read_in_every_spelling() -> None:
    key = make_key()
    text = pem(key.private_key)
    spellings = [key.private_text, f" {key.private_text}=\n", text, text.replace("\n", "\\n")]
    assert {read_key(spelling).public_text for spelling in spellings} == {key.public_text}
    assert len(decode(key.public_text)) == 65
    assert is_point(key.public_text)


def test_what_is_no_key_is_refused_and_not_shown() -> None:
    wrong = [
        "", "s3cret", base64.urlsafe_b64encode(bytes(32)).decode(), base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        make_key().private_text[:-2], make_key().public_text, "schlüssel" * 5,
        pem(ec.generate_private_key(ec.SECP384R1())), pem(rsa.generate_private_key(65537, 2048)),
        pem(make_key().private_key, b"password"), "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----",
    ]  # fmt: skip
    for text in wrong:
        with pytest.raises(ValueError, match="is no private key on P-256") as refused:
            read_key(text)
        assert "s3cret" not in str(refused.value)


def test_a_point_must_be_on_the_curve() -> None:
    text = make_key().public_text
    raw = bytearray(decode(text))
    raw[-1] ^= 1
    off = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert [is_point(one) for one in (text, off, text[:-4], "", "é", "B" * 87)] == [True, *[False] * 5]


@pytest.mark.parametrize(
    ("contact", "good"),
    [
        ("mailto:ops@example.com", True), ("https://example.com", True), ("https://example.com:8443/contact?a=b", True),
        ("http://example.com", False), ("ops@example.com", False), ("mailto:", False), ("https://", False),
        ("mailto:Ops <ops@example.com>", False), ("https://user@example.com", False), ("", False),
    ],
)  # fmt: skip
def test_contacts(contact: str, good: bool) -> None:
    if good:
        assert check_contact(contact) == contact
    else:
        with pytest.raises(ValueError, match="mailto: or https:"):
            check_contact(contact)
