"""Public keys, JSON Web Keys, and the addresses they may be fetched from."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hub.exceptions import Invalid
from hub.security.jwks import check_jwks_url
from hub.security.keys import keys_of_set, load_key, read_public_key
from hub.security.outbound import is_public
from hub.store.projects import PublicKey

RSA = rsa.generate_private_key(65537, 2048)


def pem(private: Any) -> str:
    return str(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize(
    "private, algorithm",
    [
        (RSA, "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_a_key_knows_its_algorithm(private: Any, algorithm: str) -> None:
    key = read_public_key(pem(private), "k1")
    assert (key.kid, key.algorithm) == ("k1", algorithm)
    loaded = load_key(key)
    assert loaded is not None
    assert loaded.algorithm == algorithm


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        pem(rsa.generate_private_key(65537, 1024)),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed448.Ed448PrivateKey.generate()),
        pem(dsa.generate_private_key(2048)),
        RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    ],
)
def test_other_keys_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_public_key(text)


def test_a_registered_key_that_is_not_what_it_says_verifies_nothing() -> None:
    assert load_key(PublicKey(None, "ES256", pem(RSA))) is None
    assert load_key(PublicKey(None, "RS256", "junk")) is None


def test_a_set_yields_its_usable_keys_only() -> None:
    good = jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    private = jwt.algorithms.RSAAlgorithm.to_jwk(RSA, as_dict=True)
    edwards = jwt.algorithms.OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    entries: list[Any] = [
        {**good, "kid": "a", "use": "sig", "alg": "RS256"},
        {**good, "kid": "b", "use": "enc"},
        {**good, "kid": "c", "alg": "RS512"},
        {**good, "kid": "d", "n": "!!"},
        {**private, "kid": "e"},
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "alg": "HS256", "kid": "f"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {**edwards, "kid": "g"},
        {**good, "kid": 5},
        "text",
        None,
    ]
    assert [(key.kid, key.algorithm) for key in keys_of_set({"keys": entries})] == [
        ("a", "RS256"),
        ("g", "EdDSA"),
        (None, "RS256"),
    ]


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": {}}])
def test_what_is_no_set(document: object) -> None:
    with pytest.raises(ValueError, match="no JWK set"):
        keys_of_set(document)


@pytest.mark.parametrize(
    "address, public",
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:0001::", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url", ["http://a.b/", "https://", "https://u:p@a.b/", "ftp://a.b", "file:///etc/passwd", "https://[", "x" * 3_000]
)
def test_key_sets_come_over_https_only(url: str) -> None:
    with pytest.raises(Invalid):
        check_jwks_url(url)
    assert check_jwks_url("https://a.b/jwks.json") == "https://a.b/jwks.json"
