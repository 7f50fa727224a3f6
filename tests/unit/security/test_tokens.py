"""Client tokens: what is signed, what is believed, and what never is."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from hub.exceptions import Unauthenticated
from hub.security.keys import VerifyingKey
from hub.security.tokens import MAX_TOKEN, ClientToken, derive_key, peek, sign, verify

NOW = 1_795_000_000.0
SECRET = "s" * 48
KEY = VerifyingKey("hub", "HS256", derive_key(SECRET, 7))


def signed(**changed: Any) -> str:
    claims = {"sub": "u", "aud": "shop", "iat": NOW, "exp": NOW + 60, **changed}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY.key, "HS256")


def check(token: str, *keys: VerifyingKey) -> ClientToken:
    return verify(token, 7, "shop", keys or (KEY,), NOW)


def test_what_we_sign_we_believe() -> None:
    token = sign(SECRET, 7, "shop", "ü/1", issued_at=NOW - 0.25, expires_at=NOW + 60, scopes=["inbox:read"], tenant="t")
    claimed = peek(token)
    assert (claimed.algorithm, claimed.kid, claimed.project) == ("HS256", "hub", "shop")
    assert check(token) == ClientToken("ü/1", 7, frozenset({"inbox:read"}), "t", NOW - 0.25, NOW + 60)


def test_projects_have_keys_of_their_own() -> None:
    assert derive_key(SECRET, 7) != derive_key(SECRET, 8)
    assert derive_key(SECRET, 7) != derive_key("t" * 48, 7)
    with pytest.raises(Unauthenticated, match="no key of the project"):
        check(signed(), VerifyingKey("hub", "HS256", derive_key(SECRET, 8)))


@pytest.mark.parametrize(
    "claims, code",
    [
        ({"sub": None}, "token_refused"),
        ({"sub": 5}, "token_refused"),
        ({"sub": ""}, "token_refused"),
        ({"sub": "a\n"}, "token_refused"),
        ({"sub": "x" * 256}, "token_refused"),
        ({"aud": "other"}, "token_refused"),
        ({"aud": ["shop", "other"]}, "token_refused"),
        ({"aud": None}, "token_refused"),
        ({"exp": None}, "token_refused"),
        ({"exp": "soon"}, "token_refused"),
        ({"exp": True}, "token_refused"),
        ({"exp": NOW + 24 * 3600 + 61}, "token_refused"),
        ({"exp": 1e300}, "token_refused"),
        ({"exp": 10**400}, "token_refused"),
        ({"exp": float("nan")}, "token_refused"),
        ({"exp": NOW - 61}, "token_expired"),
        ({"exp": 0}, "token_expired"),
        ({"nbf": NOW + 61}, "token_refused"),
        ({"nbf": "x"}, "token_refused"),
        ({"iat": NOW + 61}, "token_refused"),
        ({"scopes": 5}, "token_refused"),
        ({"scopes": [1]}, "token_refused"),
        ({"tenant": ""}, "token_refused"),
        ({"tenant": ["t"]}, "token_refused"),
    ],
)
def test_wrong_claims(claims: dict[str, Any], code: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        check(signed(**claims))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 59},
        {"exp": NOW + 24 * 3600},
        {"nbf": NOW + 59, "iat": NOW + 59},
        {"iat": None},
        {"aud": ["shop"]},
        {"tenant": "acme"},
        {"email": "unknown claims are ignored"},
    ],
)
def test_leeway_and_what_may_be_left_out(claims: dict[str, Any]) -> None:
    assert check(signed(**claims)).user == "u"


@pytest.mark.parametrize(
    "scopes, granted",
    [
        (None, {"inbox:read", "inbox:write", "preferences:write"}),
        ([], set()),
        ("inbox:read inbox:write", {"inbox:read", "inbox:write"}),
        (["inbox:read", "admin"], {"inbox:read"}),
    ],
)
def test_scopes(scopes: Any, granted: set[str]) -> None:
    assert check(signed(scopes=scopes)).scopes == granted


def _forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)] + [signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


CLAIMS = {"sub": "u", "aud": "shop", "exp": NOW + 60}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * (MAX_TOKEN + 1),
        _forged({"alg": "none"}, CLAIMS),
        _forged({"alg": "NONE"}, CLAIMS),
        _forged({"alg": "HS512"}, CLAIMS, b"x" * 64),
        _forged({"alg": ["HS256"]}, CLAIMS),
        _forged({"alg": "HS256", "crit": ["exp"]}, CLAIMS),
        _forged({"alg": "HS256", "b64": False, "crit": ["b64"]}, CLAIMS),
        _forged({"alg": "HS256"}, {**CLAIMS, "aud": 5}),
        _forged({"alg": "HS256"}, {**CLAIMS, "aud": []}),
        _forged({"alg": "HS256"}, {**CLAIMS, "aud": "a\x00"}),
        "W" * 4_000 + "." + "W" * 4_000 + ".",
        base64.urlsafe_b64encode(b"[" * 6_000).decode().rstrip("=") + ".e30.",
        "ü.ü.ü",
    ],
)
def test_what_no_key_could_have_signed(token: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        peek(token)
    assert refusal.value.code == "token_refused"


def test_a_public_key_is_no_secret() -> None:
    """The classic confusion: an HS256 token, signed with the text of the public key of RS256 tokens."""
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = VerifyingKey(None, "RS256", public)
    good = jwt.encode(CLAIMS, private, "RS256")
    assert check(good, key).user == "u"
    header = {"alg": "HS256", "typ": "JWT"}
    body = _forged(header, CLAIMS).rpartition(".")[0]
    signature = hmac.new(pem, body.encode(), hashlib.sha256).digest()
    confused = f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    for keys in ((key,), (KEY,)):
        with pytest.raises(Unauthenticated, match="no key of the project"):
            check(confused, *keys)


def test_each_kind_of_key_verifies_its_own_algorithm_only() -> None:
    pairs: list[tuple[str, Any]] = [
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ]
    keys = [VerifyingKey(None, algorithm, private.public_key()) for algorithm, private in pairs]
    for algorithm, private in pairs:
        token = jwt.encode(CLAIMS, private, algorithm)
        assert check(token, *keys).user == "u"
        for key in keys:
            if key.algorithm != algorithm:
                with pytest.raises(Unauthenticated):
                    check(token, key)


def test_a_changed_token_is_refused() -> None:
    head, body, signature = signed().split(".")
    other = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "v"}).encode()).decode().rstrip("=")
    for token in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}.{signature[:-2]}AA"):
        with pytest.raises(Unauthenticated):
            check(token)


@given(
    st.text(max_size=100) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".e30.x")
)
def test_any_text_is_refused_and_nothing_else(token: str) -> None:
    with pytest.raises(Unauthenticated):
        peek(token)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3),
    ),
    st.sampled_from(["sub", "aud", "exp", "nbf", "iat", "scopes", "tenant"]),
)
def test_any_claim_is_believed_or_refused(value: Any, name: str) -> None:
    try:
        token = jwt.encode({"sub": "u", "aud": "shop", "exp": NOW + 60} | {name: value}, KEY.key, "HS256")
    except TypeError:
        return  # the library would not even write it
    with contextlib.suppress(Unauthenticated):
        assert isinstance(check(token), ClientToken)


def test_revocation_voids_what_was_issued_before() -> None:
    revoked_at = datetime.fromtimestamp(NOW, UTC)
    token = check(signed())
    assert not token.is_void(None)
    assert not token._replace(issued_at=NOW).is_void(revoked_at)
    assert token._replace(issued_at=NOW - 0.001).is_void(revoked_at)
    assert not token._replace(issued_at=NOW + 0.001).is_void(revoked_at)


def test_a_token_that_does_not_say_when_counts_as_early_as_it_could_be() -> None:
    token = check(signed(iat=None))
    day = 24 * 3600
    assert token.is_void(datetime.fromtimestamp(NOW - 3600, UTC))
    assert not token.is_void(datetime.fromtimestamp(token.expires_at - day - 1, UTC))
