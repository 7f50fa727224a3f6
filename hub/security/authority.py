"""Who a credential belongs to. Look-ups are kept for a second, so a revocation counts within it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.exceptions import Unauthenticated
from hub.security.cache import Cache
from hub.security.jwks import KeySets
from hub.security.keys import VerifyingKey, load_key
from hub.security.tokens import HUB_KID, ClientToken, Unverified, derive_key, peek, refused, sign, verify
from hub.store.keys import KeyRow, find_key, hash_key
from hub.store.people import tokens_revoked_at
from hub.store.projects import DEV_PROJECT, ProjectRow, database_time, find_project

if TYPE_CHECKING:
    from hub.config import Settings
    from hub.store.database import Database

KEPT_SECONDS = 1.0  # how long a revoked key or a changed project may still count; also 2 queries a second and key
DEV_KEY = "hk_dev"
_KEY_FORM = re.compile(r"hk_[A-Za-z0-9_-]{43}", re.ASCII)


class Authority:
    """Looks credentials up. `close()` may be called twice."""

    def __init__(self, db: Database, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._dev = settings.dev
        self._secret = settings.secret.get_secret_value()
        self._clock = clock
        self._keys: Cache[bytes, KeyRow | None] = Cache(lambda digest: find_key(db, digest), KEPT_SECONDS)
        self._projects: Cache[str, ProjectRow | None] = Cache(lambda name: find_project(db, name), KEPT_SECONDS)
        self._key_sets = KeySets(allow_private=settings.allow_private_jwks)

    def known_key(self, key: str) -> KeyRow | None:
        """The key, if it was looked up within the last second, without waiting."""
        row = self._keys.peek(hash_key(key))
        return row if row is not None and self._is_usable(row) else None

    async def api_key(self, key: str) -> KeyRow:
        """What the API key stands for.

        Raises:
            Unauthenticated: no such key, revoked, expired, or of `hub dev` elsewhere.
        """
        if _KEY_FORM.fullmatch(key) or (self._dev and key == DEV_KEY):
            row = await self._keys.get(hash_key(key))
            if row is not None and self._is_usable(row):
                return row
        raise Unauthenticated("The API key is not valid: it does not exist, or was revoked, or has expired.")

    def _is_usable(self, row: KeyRow) -> bool:
        return self._dev or row.project_name != DEV_PROJECT

    async def project(self, name: str) -> ProjectRow | None:
        """The project of that name, as it was a second ago or later; `dev` only in `hub dev`."""
        if name == DEV_PROJECT and not self._dev:
            return None
        return await self._projects.get(name)

    async def verify_client_token(self, token: str, *, check_revocation: bool = True) -> ClientToken:
        """The token, if it is good now.

        Args:
            check_revocation: Asks the store whether the person's tokens were revoked. A caller that reads the person
                anyway leaves it out and asks `ClientToken.is_void` itself.

        Raises:
            Unauthenticated: `token_refused`, `token_expired` or `token_revoked`.
            Unavailable: the project's JWKS URL does not answer.
        """
        claimed = peek(token)
        project = await self.project(claimed.project)
        if project is None:
            raise refused("there is no project with the name in `aud`")
        keys = await self._verifying_keys(project, claimed)
        verified = verify(token, project.project_id, project.name, keys, self._clock())
        if check_revocation:
            revoked_at = await tokens_revoked_at(self._db, project.project_id, verified.user)
            if verified.is_void(revoked_at):
                raise refused("it was revoked", "token_revoked")
        return verified

    async def _verifying_keys(self, project: ProjectRow, claimed: Unverified) -> list[VerifyingKey]:
        if claimed.algorithm == "HS256":
            if claimed.kid == HUB_KID:
                return [VerifyingKey(HUB_KID, "HS256", derive_key(self._secret, project.project_id))]
            return [VerifyingKey(None, "HS256", project.signing_secret.encode("utf-8"))]
        registered = [loaded for key in project.public_keys if (loaded := load_key(key)) is not None]
        keys = [
            key
            for key in registered
            if key.algorithm == claimed.algorithm and (claimed.kid is None or key.kid in (None, claimed.kid))
        ]
        if project.jwks_url is not None and not any(key.kid is not None and key.kid == claimed.kid for key in keys):
            keys += await self._key_sets.find(project.jwks_url, claimed.algorithm, claimed.kid)
        return keys

    async def issue_client_token(
        self,
        project_id: int,
        project: str,
        user: str,
        *,
        expires_in_seconds: float,
        scopes: Sequence[str] | None = None,
        tenant: str | None = None,
    ) -> tuple[str, datetime]:
        """A token for a user and when it expires; issued by the database's clock, as revocations are."""
        issued_at = (await database_time(self._db)).timestamp()
        expires_at = float(int(issued_at + expires_in_seconds))
        token = sign(
            self._secret,
            project_id,
            project,
            user,
            issued_at=issued_at,
            expires_at=expires_at,
            scopes=scopes,
            tenant=tenant,
        )
        return token, datetime.fromtimestamp(expires_at, UTC)

    def forget(self, project_id: int | None = None) -> None:
        """Looks everything (of a project) up again: for whoever hears of a change before the second is over."""
        if project_id is None:
            self._keys.forget()
            self._projects.forget()
            return
        self._keys.forget(lambda row: row is None or row.project_id == project_id)
        self._projects.forget(lambda row: row is None or row.project_id == project_id)

    async def close(self) -> None:
        await self._key_sets.close()
