"""A person's own preferences, by their own client."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.api.preferences import change
from hub.config import Settings
from hub.exceptions import Unauthenticated
from hub.model.times import format_time
from hub.runtime import Hub
from hub.security import Authority
from hub.store import categories, people, preferences
from hub.store.preferences import Owner
from hub.store.projects import create_project
from tests.support.gateway import RunningGateway, another_hub, issue, rest, running_gateway, token

PATH = "/v1/inbox/preferences"


async def test_a_client_reads_and_changes_what_its_person_said(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    await preferences_of(hub, Owner.tenant(project_id, "acme"), {"channels": {"web_push": False}})
    text = await issue(hub, project_id, "team/ada ü", tenant="acme")
    async with rest(gateway, text) as calls:
        assert (await calls.call("GET", PATH))[:2] == (200, {})
        patch = {"channels": {"email": False}, "quiet_hours": {"weekly": []}, "delegate": "bob"}
        status, stored, headers = await calls.call("PATCH", PATH, patch)
        assert (status, stored, headers["Cache-Control"]) == (200, patch, "no-store")
        merge = {"Content-Type": "application/merge-patch+json"}
        status, stored, _ = await calls.call(
            "PATCH", PATH, {"quiet_hours": None, "channels": {"web_push": True}}, headers=merge
        )
        assert (status, stored) == (200, {"channels": {"email": False, "web_push": True}, "delegate": "bob"})
        assert (await calls.call("GET", PATH))[:2] == (200, stored)
    assert await preferences.read(hub.db, Owner.person(project_id, "team/ada ü")) == stored


async def preferences_of(hub: Hub, owner: Owner, body: Any) -> dict[str, Any]:
    return await change(hub, owner, body, replace=True)


async def test_consents_that_a_person_gives_say_so(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with rest(gateway, await issue(hub, project_id)) as calls:
        started = format_time(datetime.now(UTC))
        _, stored, _ = await calls.call("PATCH", PATH, {"consents": {"marketing": {"granted": True}}})
        record = stored["consents"]["marketing"]
        assert started <= record["at"] <= format_time(datetime.now(UTC))
        assert record == {"granted": True, "at": record["at"], "source": "person"}
        _, stored, _ = await calls.call("PATCH", PATH, {"consents": {"x": {"granted": False, "source": "banner"}}})
        assert stored["consents"]["marketing"] == record
        assert stored["consents"]["x"]["source"] == "banner"


async def test_what_a_backend_may_not_store_a_client_may_not_either(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    await categories.put_category(hub.db, project_id, "security", {**categories.GENERAL_POLICY, "default": "required"})
    async with rest(gateway, await issue(hub, project_id)) as calls:
        for body, path, code in [
            ({"chanels": {}}, "chanels", "unknown_field"),
            ({"channels": {"email": 1}}, "channels.email", "invalid_type"),
            ({"delegate": "ada"}, "delegate", "not_allowed"),
            ({"digest": {}}, "digest.schedule", "required"),
            ({"categories": {"security": {"enabled": False}}}, "categories.security.enabled", "required_category"),
            ([], "", "invalid_type"),
        ]:
            status, problem, _ = await calls.call("PATCH", PATH, body)
            assert (status, [(error["path"], error["code"]) for error in problem["errors"]]) == (422, [(path, code)])
        status, problem, headers = await calls.call("PUT", PATH, {})
        assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS, PATCH")
        assert (await calls.call("GET", f"{PATH}?category=x"))[0] == 422
        assert (await calls.call("GET", PATH))[1] == {}


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        (None, 200, 200),
        (["inbox:read"], 200, 403),
        (["preferences:write"], 403, 200),
        (["inbox:read", "inbox:write"], 200, 403),
        (["inbox:write"], 403, 403),
        ([], 403, 403),
    ],
)
async def test_scopes(
    hub: Hub, project_id: int, gateway: RunningGateway, scopes: list[str] | None, reads: int, writes: int
) -> None:
    async with rest(gateway, token(hub, project_id, scopes=scopes)) as calls:
        status, problem, _ = await calls.call("GET", PATH)
        assert (status, problem.get("code")) == (reads, None if reads == 200 else "insufficient_scope")
        assert (await calls.call("PATCH", PATH, {}))[0] == writes
    async with rest(gateway, "") as calls:
        assert (await calls.call("GET", PATH))[0] == 401
        assert (await calls.call("PATCH", PATH, {}))[0] == 401


async def test_everybody_has_their_own(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    other = await create_project(hub.db, "other")
    people_of = [(project_id, "default", "ada"), (project_id, "default", "bob"), (other.project_id, "other", "ada")]
    for number, (project, name, user) in enumerate(people_of):
        async with rest(gateway, token(hub, project, user, project=name)) as calls:
            assert (await calls.call("GET", PATH))[1] == {}
            await calls.call("PATCH", PATH, {"delegate": f"d{number}"})
    for number, (project, name, user) in enumerate(people_of):
        async with rest(gateway, token(hub, project, user, project=name)) as calls:
            assert (await calls.call("GET", PATH))[1] == {"delegate": f"d{number}"}


async def test_two_screens_at_once_lose_nothing(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with rest(gateway, await issue(hub, project_id)) as one, rest(gateway, await issue(hub, project_id)) as two:
        patches = [{"categories": {f"c{index}": {"enabled": False}}} for index in range(16)]
        answers = await asyncio.gather(
            *((one, two)[index % 2].call("PATCH", PATH, patch) for index, patch in enumerate(patches))
        )
        assert {status for status, _, _ in answers} == {200}
        stored = (await one.call("GET", PATH))[1]
        assert stored["categories"].keys() == {f"c{index}" for index in range(16)}


async def test_the_deleted_do_not_come_back_by_a_token_of_before(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    authority = Authority(hub.db, hub.settings)
    verified = await authority.verify_client_token(text)
    await authority.close()
    async with rest(gateway, text) as calls:
        await calls.call("PATCH", PATH, {"channels": {"email": False}})
        await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
        assert (await calls.call("PATCH", PATH, {}))[1]["code"] == "token_revoked"
        assert (await calls.call("GET", PATH))[1]["code"] == "token_revoked"
    with pytest.raises(Unauthenticated):  # also when it was good a moment ago
        await change(hub, Owner.person(project_id, "ada"), {}, replace=False, token=verified)
    assert await people.get_person(hub.db, project_id, "ada") is None
    await preferences_of(hub, Owner.person(project_id, "ada"), {"delegate": "eve"})
    with pytest.raises(Unauthenticated):
        await change(hub, Owner.person(project_id, "ada"), {}, replace=False, token=verified)
    async with rest(gateway, token(hub, project_id, issued_at=time.time() + 1)) as calls:
        assert (await calls.call("GET", PATH))[1] == {"delegate": "eve"}


async def test_a_page_of_an_allowed_origin_may_patch(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, allowed_origins=("https://app.test",)) as hub,
        running_gateway(hub) as gateway,
        rest(gateway, token(hub, project_id)) as calls,
    ):
        origin = {"Origin": "https://app.test", "Access-Control-Request-Method": "PATCH"}
        status, _, headers = await calls.call("OPTIONS", PATH, headers=origin)
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, "https://app.test")
        assert "PATCH" in headers["Access-Control-Allow-Methods"].split(", ")
        assert "content-type" in headers["Access-Control-Allow-Headers"]
        status, _, headers = await calls.call("PATCH", PATH, {}, headers={"Origin": "https://app.test"})
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://app.test")
