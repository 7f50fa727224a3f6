"""Client tokens: JWTs that let one person's client at that person's inbox.

Signed by the hub (header `kid: hub`, HS256 with a key derived from HUB_SECRET per project) or by the backend: HS256
with the project's signing secret, or RS256, ES256, EdDSA with a registered key or one of its JWKS URL. Every key is
bound to its algorithm before the token's header is believed, so `none`, and a public key as an HMAC secret, find none.

| claim  | rule                                                                                   |
|--------|----------------------------------------------------------------------------------------|
| sub    | the user: 1–255 characters without control characters                                  |
| aud    | the project's name, alone                                                              |
| exp    | at most 24 h ahead, 60 s leeway                                                        |
| nbf    | honoured, 60 s leeway                                                                  |
| iat    | not in the future; a token from before the person's last revocation is void            |
| scopes | list, or string with spaces; all when absent; unknown ones grant nothing               |
| tenant | selects tenant defaults of preferences                                                 |
"""

from __future__ import annotations

import hashlib
import hmac
import math
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import jwt
import msgspec

from hub.exceptions import Unauthenticated
from hub.security.keys import VerifyingKey
from hub.security.scopes import CLIENT_SCOPES
from hub.web.paths import NAME

MAX_LIFETIME_SECONDS = 24 * 3600  # contract
LEEWAY_SECONDS = 60  # contract: clocks of hosts differ
MAX_TOKEN = 8 * 1024  # characters; what servers take for a header line (Apache 8 KiB, nginx 8 KiB)
HUB_KID = "hub"
_ALL = frozenset(CLIENT_SCOPES)
_ALGORITHMS = frozenset({"HS256", "RS256", "ES256", "EdDSA"})


class ClientToken(NamedTuple):
    """A verified token. `issued_at` and `expires_at` are Unix times; `issued_at` None: the token does not say."""

    user: str
    project_id: int
    scopes: frozenset[str]
    tenant: str | None
    issued_at: float | None
    expires_at: float

    @property
    def counts_from(self) -> float:
        """When it counts as issued, Unix time: one that does not say, as early as its expiry allows."""
        return self.expires_at - MAX_LIFETIME_SECONDS if self.issued_at is None else self.issued_at

    def is_void(self, revoked_at: datetime | None) -> bool:
        """Whether it was issued before the person's tokens were revoked."""
        return revoked_at is not None and self.counts_from < revoked_at.timestamp()


class Unverified(NamedTuple):
    """What a token says of itself, before anything of it is believed."""

    algorithm: str
    kid: str | None
    project: str


def derive_key(secret: str, project_id: int) -> bytes:
    """The key of tokens that the hub itself signs for a project."""
    return hmac.new(secret.encode("utf-8"), b"client token\x00%d" % project_id, hashlib.sha256).digest()


def refused(reason: str, code: str = "token_refused") -> Unauthenticated:
    return Unauthenticated(f"The token is refused: {reason}.", code=code)


def peek(token: str) -> Unverified:
    """Which key a token asks to be verified with.

    Raises:
        Unauthenticated: it is no JWT that any key of ours could have signed.
    """
    if len(token) > MAX_TOKEN:
        raise refused(f"it is longer than {MAX_TOKEN} characters")
    if token.startswith("hk_"):
        raise refused("it is an API key; clients need a token of POST /v1/users/{user}/tokens")
    try:
        first, second, _ = token.encode("ascii").split(b".")
        header, claims = _part(first), _part(second)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise refused("it is not a JWT") from None
    algorithm, kid, audience = header.get("alg"), header.get("kid"), claims.get("aud")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise refused("its algorithm is not one of HS256, RS256, ES256, EdDSA")
    if "crit" in header or header.get("b64") is False:
        raise refused("its header has critical extensions")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or NAME.fullmatch(audience) is None:
        raise refused("`aud` must name the project")
    return Unverified(algorithm, kid if isinstance(kid, str) else None, audience)


def _part(encoded: bytes) -> dict[str, Any]:
    return msgspec.json.decode(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)), type=dict[str, Any])


def verify(token: str, project_id: int, project: str, keys: Iterable[VerifyingKey], now: float) -> ClientToken:
    """The token, if one of `keys` signed it and every claim holds.

    Raises:
        Unauthenticated: `token_refused`, or `token_expired` for a good one that is over.
    """
    for key in keys:
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                options={
                    "verify_signature": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_iss": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            continue
        return _check_claims(claims, project_id, project, now)
    raise refused("no key of the project has signed it")


def _check_claims(claims: dict[str, Any], project_id: int, project: str, now: float) -> ClientToken:
    if claims.get("aud") not in (project, [project]):
        raise refused("`aud` is another project")
    user = claims.get("sub")
    if not isinstance(user, str) or NAME.fullmatch(user) is None:
        raise refused("`sub` must be the user: 1 to 255 characters without control characters")
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise refused("`exp` is missing")
    if expires_at > now + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS:
        raise refused("`exp` is more than 24 hours ahead")
    if expires_at <= now - LEEWAY_SECONDS:
        raise refused("it has expired", "token_expired")
    not_before, issued_at = _time(claims, "nbf"), _time(claims, "iat")
    if not_before is not None and not_before > now + LEEWAY_SECONDS:
        raise refused("`nbf` is in the future")
    if issued_at is not None and issued_at > now + LEEWAY_SECONDS:
        raise refused("`iat` is in the future")
    tenant = claims.get("tenant")
    if tenant is not None and (not isinstance(tenant, str) or NAME.fullmatch(tenant) is None):
        raise refused("`tenant` must be 1 to 255 characters without control characters")
    return ClientToken(user, project_id, _scopes(claims.get("scopes")), tenant, issued_at, expires_at)


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(f"`{name}` must be a number of seconds")
    # Within the years a datetime can hold; also keeps NaN, infinity and endless integers out of arithmetic.
    if not -1e10 < value < 2.5e11 or math.isnan(value):
        raise refused(f"`{name}` is no time")
    return float(value)


def _scopes(value: object) -> frozenset[str]:
    if value is None:
        return _ALL
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise refused("`scopes` must be a list of strings")
    return _ALL if _ALL.issubset(value) else _ALL.intersection(value)


def sign(
    secret: str,
    project_id: int,
    project: str,
    user: str,
    *,
    issued_at: float,
    expires_at: float,
    scopes: Sequence[str] | None = None,
    tenant: str | None = None,
) -> str:
    """A token of the hub's own. `issued_at` keeps its fraction: revocation compares with it."""
    claims: dict[str, Any] = {"sub": user, "aud": project, "iat": issued_at, "exp": expires_at}
    if scopes is not None:
        claims["scopes"] = list(scopes)
    if tenant is not None:
        claims["tenant"] = tenant
    return jwt.encode(claims, derive_key(secret, project_id), algorithm="HS256", headers={"kid": HUB_KID})
