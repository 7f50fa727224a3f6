"""A person's own preferences, by their own client."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.api.preferences import change
from hub.config import Settings
from hub.exceptions import Unauthenticated
from hub.model.times import format_time, truncate
from hub.runtime import Hub
from hub.security import Authority
from hub.store import categories, people, preferences
from hub.store.categories import GENERAL_POLICY
from hub.store.preferences import Owner
from hub.store.projects import create_project
from tests.support.deliveries import put_category
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
        assert (await calls.call("GET", f"{PATH}/choices"))[0] == reads
        assert (await calls.call("PATCH", PATH, {}))[0] == writes
    async with rest(gateway, "") as calls:
        assert (await calls.call("GET", PATH))[0] == 401
        assert (await calls.call("PATCH", PATH, {}))[0] == 401


CHOICES = f"{PATH}/choices"
ALL_ON = [{"channel": channel, "enabled": True} for channel in ("in_app", "web_push", "email")]


async def test_a_panel_is_told_all_that_can_be_chosen(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    general = {"category": "general", "label": None, "description": None, "required": False, "consent": False,
               "enabled": True, "channels": ALL_ON}  # fmt: skip
    async with rest(gateway, token(hub, project_id, tenant="acme")) as calls:
        assert (await calls.call("GET", CHOICES))[:2] == (
            200,
            {"channels": ALL_ON, "categories": [general], "quiet_hours": None, "paused_until": None, "paused_by": None,
             "timezone": "UTC"},
        )  # fmt: skip
        assert await people.get_person(hub.db, project_id, "ada") is None, "who asks is not stored for it"
        ladder = [{"channel": "email"}, {"channel": "in_app"}]
        await put_category(hub, project_id, "orders.shipped", description="When it leaves.", ladder=ladder)
        await put_category(hub, project_id, "security", description="", default="required", ladder=ladder)
        await put_category(hub, project_id, "news", kind="marketing", ladder=[{"channel": "sms"}])
        weekly = [{"days": [6, 7], "from": "00:00", "to": "00:00"}]
        await preferences_of(
            hub, Owner.tenant(project_id, "acme"), {"channels": {"email": False}, "quiet_hours": {"weekly": weekly}}
        )
        until = format_time(truncate(datetime.now(UTC) + timedelta(days=1)))
        await preferences_of(hub, Owner.project(project_id), {"paused_until": until, "channels": {"email": True}})
        await calls.call("PATCH", PATH, {"categories": {"unheard": {"enabled": False}}})
        _, found, headers = await calls.call("GET", CHOICES)
    assert headers["Cache-Control"] == "no-store"
    assert (found["paused_until"], found["paused_by"]) == (until, "project")
    assert found["quiet_hours"] == {"timezone": "UTC", "weekly": weekly, "layer": "tenant"}
    said = {
        entry["category"]: (
            entry["label"], entry["description"], entry["required"], entry["consent"], entry["enabled"],
            {choice["channel"]: choice["enabled"] for choice in entry["channels"]},
        )
        for entry in found["categories"]
    }  # fmt: skip
    assert list(said.items()) == [
        ("news", ("News", GENERAL_POLICY["description"], False, True, True, {"sms": False})),
        ("orders.shipped", ("Orders shipped", "When it leaves.", False, False, True,
                            {"in_app": True, "email": False})),
        ("security", ("Security", None, True, False, True, {"in_app": True, "email": True})),
        ("unheard", ("Unheard", None, False, False, False, {"in_app": False, "web_push": False, "email": False})),
        ("general", (None, None, False, False, True, {"in_app": True, "web_push": True, "email": False})),
    ]  # fmt: skip
    assert {choice["channel"]: choice["enabled"] for choice in found["channels"]} == {
        "in_app": True, "web_push": True, "email": False, "sms": True,
    }  # fmt: skip


async def test_of_many_categories_a_panel_shows_the_first_and_general(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    numbers = [f"c{number:03}" for number in range(250)]  # all before `general`
    await hub.db.execute(
        "INSERT INTO categories SELECT $1, unnest($2::text[]), $3", project_id, numbers,
        {**GENERAL_POLICY, "default": "opted_out"},
    )  # fmt: skip
    spoken = {"categories": {name: {"enabled": True} for name in ("A", "c0001", "c240", "z", "\U0001f4e6")}}
    async with rest(gateway, token(hub, project_id)) as calls:
        await calls.call("PATCH", PATH, spoken)
        _, found, _ = await calls.call("GET", CHOICES)
    shown = {entry["category"]: entry["channels"][0]["enabled"] for entry in found["categories"]}
    assert [*shown] == [*sorted({*numbers, "A", "c0001"})[:199], "general"]
    assert [name for name, on in shown.items() if on] == ["A", "c0001", "general"]


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
