"""Public keys that client tokens may be signed with. A key knows its one algorithm, so none can be used as another."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hub.exceptions import Invalid
from hub.store.projects import PublicKey

ASYMMETRIC = ("RS256", "ES256", "EdDSA")
MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
MAX_RSA_BITS = 8192  # verifying takes time with the square of it


class VerifyingKey(NamedTuple):
    """A loaded key with the algorithm it is bound to."""

    kid: str | None
    algorithm: str
    key: Any


def algorithm_of(key: object) -> str | None:
    """The algorithm that fits a public key, or None for a kind we do not take."""
    if isinstance(key, RSAPublicKey):
        return "RS256" if MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS else None
    if isinstance(key, EllipticCurvePublicKey):
        return "ES256" if isinstance(key.curve, SECP256R1) else None
    return "EdDSA" if isinstance(key, Ed25519PublicKey) else None


def read_public_key(pem: str, kid: str | None = None) -> PublicKey:
    """The key in a PEM text, ready to be registered with a project.

    Raises:
        Invalid: no public key, or not RSA (2048 to 8192 bits), EC P-256 or Ed25519.
    """
    try:
        key = load_pem_public_key(pem.encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid.field(
            "public_key", "invalid_key", "is no public key in PEM form (-----BEGIN PUBLIC KEY-----)"
        ) from None
    algorithm = algorithm_of(key)
    if algorithm is None:
        raise Invalid.field(
            "public_key", "invalid_key", "must be RSA with 2048 to 8192 bits, EC on the curve P-256, or Ed25519"
        )
    return PublicKey(kid, algorithm, pem)


@lru_cache(maxsize=256)
def load_key(key: PublicKey) -> VerifyingKey | None:
    """The registered key, loaded; None when it is not what it says (then nothing verifies with it)."""
    try:
        loaded = load_pem_public_key(key.public_key.encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return VerifyingKey(key.kid, key.algorithm, loaded) if algorithm_of(loaded) == key.algorithm else None


def keys_of_set(document: Any) -> list[VerifyingKey]:
    """The usable keys of a JWK set (RFC 7517); others, and symmetric ones above all, are passed over.

    Raises:
        ValueError: it is no JWK set.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no JWK set: there is no list `keys`")
    found: list[VerifyingKey] = []
    for entry in entries[:100]:
        if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        if entry.get("use") not in (None, "sig") or "d" in entry:
            continue
        try:
            key = jwt.PyJWK(entry).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
            continue
        algorithm = algorithm_of(key)
        kid = entry.get("kid")
        if algorithm is not None and entry.get("alg") in (None, algorithm):
            found.append(VerifyingKey(kid if isinstance(kid, str) else None, algorithm, key))
    return found
