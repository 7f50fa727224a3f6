"""Whose token it is: every kind of signature against a real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.exceptions import Unauthenticated
from hub.runtime import Hub
from hub.security import Authority, read_public_key
from hub.store.people import revoke_tokens
from hub.store.projects import create_project, find_project, new_secret, update_project


@pytest.fixture
async def authority(hub: Hub) -> AsyncIterator[Authority]:
    authority = Authority(hub.db, hub.settings)
    yield authority
    await authority.close()


def claims(**changed: Any) -> dict[str, Any]:
    now = time.time()
    return {"sub": "u", "aud": "default", "iat": now, "exp": now + 600, **changed}


async def refusal(authority: Authority, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await authority.verify_client_token(token)
    return refused.value.code


async def test_the_backend_signs_with_the_projects_secret(hub: Hub, authority: Authority) -> None:
    project = await find_project(hub.db, "default")
    assert project is not None
    assert project.signing_secret not in repr(project)
    token = jwt.encode(claims(), project.signing_secret, "HS256")
    assert (await authority.verify_client_token(token)).project_id == project.project_id
    assert (
        await refusal(authority, jwt.encode(claims(aud="nobody"), project.signing_secret, "HS256")) == "token_refused"
    )
    other = await create_project(hub.db, "other")
    assert await refusal(authority, jwt.encode(claims(), other.signing_secret, "HS256")) == "token_refused"
    assert await refusal(authority, jwt.encode(claims(aud="other"), project.signing_secret, "HS256")) == "token_refused"


async def test_a_new_signing_secret_counts_within_a_second_or_so(
    hub: Hub, authority: Authority, project_id: int
) -> None:
    project = await find_project(hub.db, "default")
    assert project is not None
    token = jwt.encode(claims(), project.signing_secret, "HS256")
    await authority.verify_client_token(token)
    fresh = new_secret()
    await update_project(hub.db, project_id, signing_secret=fresh)
    await authority.verify_client_token(token)  # still kept
    authority.forget(project_id)  # what hearing `p` does
    assert await refusal(authority, token) == "token_refused"
    await authority.verify_client_token(jwt.encode(claims(), fresh, "HS256"))


async def test_the_backend_signs_with_registered_keys(hub: Hub, authority: Authority, project_id: int) -> None:
    private: dict[str, Any] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    keys = []
    for algorithm, key in private.items():
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        keys.append(read_public_key(pem, None if algorithm == "RS256" else algorithm))
    updated = await update_project(hub.db, project_id, public_keys=keys)
    assert updated is not None
    assert list(updated.public_keys) == keys
    for algorithm, key in private.items():
        for headers in ({}, {"kid": algorithm}):
            token = jwt.encode(claims(), key, algorithm, headers=headers)
            assert (await authority.verify_client_token(token)).user == "u"
    unknown = jwt.encode(claims(), private["ES256"], "ES256", headers={"kid": "another"})
    assert await refusal(authority, unknown) == "token_refused"


async def test_revocation_voids_every_kind_of_token_issued_before(
    hub: Hub, authority: Authority, project_id: int
) -> None:
    project = await find_project(hub.db, "default")
    assert project is not None
    ours, _ = await authority.issue_client_token(project_id, "default", "u", expires_in_seconds=60)
    theirs = jwt.encode(claims(), project.signing_secret, "HS256")
    undated = {name: value for name, value in claims().items() if name != "iat"}
    dateless = jwt.encode(undated, project.signing_secret, "HS256")
    for token in (ours, theirs, dateless):
        await authority.verify_client_token(token)
    await revoke_tokens(hub.db, project_id, "u")
    for token in (ours, theirs, dateless):
        assert await refusal(authority, token) == "token_revoked"
        kept = await authority.verify_client_token(token, check_revocation=False)
        assert kept.user == "u"
    again, _ = await authority.issue_client_token(project_id, "default", "u", expires_in_seconds=60)
    assert (await authority.verify_client_token(again)).user == "u"
    other = jwt.encode(claims(sub="v"), project.signing_secret, "HS256")
    assert (await authority.verify_client_token(other)).user == "v"


async def test_our_own_tokens_are_bound_to_project_and_installation(
    hub: Hub, authority: Authority, project_id: int
) -> None:
    await create_project(hub.db, "other")
    token, _ = await authority.issue_client_token(project_id, "other", "u", expires_in_seconds=60)
    assert await refusal(authority, token) == "token_refused"
    project = await find_project(hub.db, "default")
    assert project is not None
    borrowed = jwt.encode(claims(), project.signing_secret, "HS256", headers={"kid": "hub"})
    assert await refusal(authority, borrowed) == "token_refused"


async def test_a_stampede_asks_the_store_once(hub: Hub, authority: Authority, project_id: int) -> None:
    token, _ = await authority.issue_client_token(project_id, "default", "u", expires_in_seconds=60)
    verified = await asyncio.gather(*(authority.verify_client_token(token, check_revocation=False) for _ in range(50)))
    assert {found.user for found in verified} == {"u"}
