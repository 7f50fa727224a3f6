"""Client tokens at the gateway: what nobody signed for, and addresses that many share."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from hub.runtime import Hub
from tests.support.gateway import RunningGateway, client, issue, rest, token


async def test_one_client_with_a_bad_token_locks_out_nobody_behind_its_address(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with rest(gateway, "nonsense") as bad, rest(gateway, await issue(hub, project_id)) as good:
        answers = await asyncio.gather(*(bad.call("GET", "/v1/inbox/counts") for _ in range(150)))
        assert {status for status, _, _ in answers} == {401, 429}
        assert {headers["Retry-After"] for status, _, headers in answers if status == 429} == {"1"}
        assert (await good.call("GET", "/v1/inbox/counts"))[0] == 200


@pytest.mark.parametrize("claim", ["sub", "aud", "tenant"])
async def test_half_of_a_surrogate_pair_in_a_claim_is_refused_at_once(
    hub: Hub, project_id: int, gateway: RunningGateway, claim: str
) -> None:
    """`aud` is looked up before any signature: this was a 500 for anybody who asked."""
    given = {"sub": {"user": "\ud83d"}, "aud": {"project": "\ud83d"}, "tenant": {"tenant": "\ud83d"}}
    text = token(hub, project_id, **given[claim])
    assert "\ud83d" in jwt.decode(text, options={"verify_signature": False})[claim]
    async with rest(gateway, text) as calls:
        status, problem, _ = await calls.call("GET", "/v1/inbox")
        assert (status, problem["code"]) == (401, "token_refused")
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=text)
        assert (await ada.closed())[0] == 4500
