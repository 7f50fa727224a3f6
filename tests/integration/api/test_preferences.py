"""Preferences of people, tenants and projects over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.bus.announce import project_channel
from hub.model.preferences import NOTHING, parse_preferences
from hub.model.times import format_time, truncate
from hub.runtime import Hub
from hub.store.keys import create_key
from hub.store.projects import create_project, update_project
from tests.support.api_server import Answer, Caller
from tests.support.redis_server import redis_of

PERSON, TENANT, PROJECT = "/v1/users/ada/preferences", "/v1/tenants/acme/preferences", "/v1/preferences"
NIGHTS = {"weekly": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "22:00", "to": "07:00"}]}
WHOLE: dict[str, Any] = {
    "paused_until": "2099-01-01T00:00:00.000Z",
    "channels": {"email": False, "web_push": True},
    "channel_order": ["email", "web_push"],
    "categories": {"news": {"enabled": True, "channels": {"email": False}}, "a.b/c": {"enabled": False}, "empty": {}},
    "quiet_hours": {"timezone": "Europe/Berlin", **NIGHTS},
    "digest": {"schedule": [{"days": [5], "at": "16:30"}]},
}
OWN = {
    "delegate": "grace",
    "consents": {
        "marketing": {"granted": True, "at": "2026-11-01T08:00:00.000Z", "source": "sign-up", "channels": ["email"]},
        "news": {"granted": False, "at": "2026-11-02T08:00:00.000Z"},
    },
}


def now() -> str:
    return format_time(truncate(datetime.now(UTC)))


def errors(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 422, answer
    return [(error["path"], error["code"]) for error in answer.json["errors"]]


@pytest.mark.parametrize("path, whole", [(PERSON, {**WHOLE, **OWN}), (TENANT, WHOLE), (PROJECT, WHOLE)])
async def test_put_replaces_patch_merges_get_reads(call: Caller, path: str, whole: dict[str, Any]) -> None:
    unknown = await call("GET", path)
    assert (unknown.status, unknown.json) == (200, {})
    stored = await call("PUT", path, whole)
    assert (stored.status, stored.json) == (200, whole)
    assert (await call("GET", path)).json == whole
    patch = {
        "paused_until": None,
        "channels": {"email": None, "in_app": True},
        "channel_order": ["web_push"],
        "categories": {"news": {"channels": {"web_push": True}}, "a.b/c": None, "new": {"enabled": False}},
        "quiet_hours": {"timezone": None},
        "digest": None,
    }
    patched = await call("PATCH", path, patch, headers={"Content-Type": "application/merge-patch+json"})
    assert patched.status == 200
    assert patched.json == {name: whole[name] for name in whole.keys() & OWN.keys()} | {
        "channels": {"web_push": True, "in_app": True},
        "channel_order": ["web_push"],
        "categories": {
            "news": {"enabled": True, "channels": {"email": False, "web_push": True}},
            "empty": {},
            "new": {"enabled": False},
        },
        "quiet_hours": NIGHTS,
    }
    assert (await call("GET", path)).json == patched.json
    assert (await call("PATCH", path, {})).json == patched.json
    assert (await call("PUT", path, dict.fromkeys(WHOLE))).json == {}
    assert (await call("GET", path)).json == {}


async def test_patch_makes_what_is_not_there(call: Caller, hub: Hub) -> None:
    for path in (PERSON, TENANT, PROJECT):
        assert (await call("PATCH", path, {"channels": {"email": False}})).json == {"channels": {"email": False}}
    assert (await call("GET", "/v1/users/ada")).json["name"] is None
    refused = await call("PATCH", "/v1/users/grace/preferences", {"quiet_hours": {}})
    assert errors(refused) == [("quiet_hours.weekly", "required")]
    assert (await call("GET", "/v1/users/grace")).status == 404
    row = await hub.db.fetchrow("SELECT count(*) AS people FROM people")
    assert row is not None
    assert row["people"] == 1


async def test_what_is_stored_is_what_decisions_read(call: Caller, hub: Hub) -> None:
    await call("PUT", PERSON, {**WHOLE, **OWN, "paused_until": "2099-01-01T02:00:00+02:00"})
    row = await hub.db.fetchrow("SELECT preferences FROM people")
    assert row is not None
    assert row["preferences"] == {**WHOLE, **OWN}
    read = parse_preferences(row["preferences"])
    assert read.paused_until == datetime(2099, 1, 1, tzinfo=UTC)
    assert read.categories["news"].channels == {"email": False}
    assert read.quiet_hours is not None
    assert (read.quiet_hours.timezone, read.quiet_hours.windows[0].end.hour) == ("Europe/Berlin", 7)
    assert (read.digest_schedule[0].days, read.delegate) == ((5,), "grace")
    assert read.consents == OWN["consents"]
    await call("PUT", PERSON, {})
    row = await hub.db.fetchrow("SELECT preferences FROM people")
    assert row is not None
    assert parse_preferences(row["preferences"]) == NOTHING


async def test_the_persons_other_fields_stay_and_leave_preferences_alone(call: Caller) -> None:
    await call("PUT", "/v1/users/ada", {"name": "Ada", "timezone": "Asia/Tokyo"})
    before = (await call("GET", "/v1/users/ada")).json
    await call("PUT", PERSON, WHOLE)
    assert (await call("GET", "/v1/users/ada")).json == before
    await call("PUT", "/v1/users/ada", {"name": "A"})
    await call("POST", "/v1/notifications", {"recipients": [{"id": "ada", "locale": "de"}], "title": "t"})
    assert (await call("GET", PERSON)).json == WHOLE
    await call("DELETE", "/v1/users/ada")
    assert (await call("GET", PERSON)).json == {}


@pytest.mark.parametrize("path", [PERSON, TENANT, PROJECT])
async def test_patches_at_once_lose_nothing(call: Caller, path: str) -> None:
    names = [f"c{index}" for index in range(24)]
    patches = ({"categories": {name: {"enabled": index % 2 == 0}}} for index, name in enumerate(names))
    answers = await asyncio.gather(*(call("PATCH", path, patch) for patch in patches))
    assert {answer.status for answer in answers} == {200}
    stored = (await call("GET", path)).json
    assert stored == {"categories": {name: {"enabled": index % 2 == 0} for index, name in enumerate(names)}}
    assert stored in [answer.json for answer in answers]


@pytest.mark.parametrize(
    "segment", ["project%2F42", "%C3%A4%20%C3%B6", "effective", "preferences", "..%252f", "%F0%9F%A6%8A"]
)
async def test_a_name_is_one_segment(call: Caller, segment: str) -> None:
    for path in (f"/v1/users/{segment}/preferences", f"/v1/tenants/{segment}/preferences"):
        body = {"channels": {"email": False}}
        assert (await call("PUT", path, body)).json == body
        assert (await call("GET", path)).json == body
        assert (await call("GET", f"{path}/effective")).status == 200
    assert len((await call("GET", "/v1/users")).json["items"]) == 1
    assert (await call("GET", PROJECT)).json == {}


async def test_each_project_has_its_own(call: Caller, hub: Hub) -> None:
    other = await create_project(hub.db, "other")
    _, key = await create_key(hub.db, other.project_id, scopes=["admin"])
    theirs = call.with_key(key)
    for path in (PERSON, TENANT, PROJECT):
        await theirs("PUT", path, WHOLE)
        assert (await call("GET", path)).json == {}
        await call("PUT", path, {"channels": {"email": True}})
        await call("PATCH", path, {"channels": {"web_push": True}})
        assert (await theirs("GET", path)).json == WHOLE
    effective = (await theirs("GET", f"{PERSON}/effective?tenant=acme")).json
    assert effective["paused_by"] == "person"
    assert (await call("GET", f"{PERSON}/effective?tenant=acme")).json["paused_by"] is None


async def test_scopes(call: Caller, hub: Hub, project_id: int) -> None:
    allowed = {
        "users:read": {("GET", PERSON), ("GET", f"{PERSON}/effective")},
        "users:write": {("PUT", PERSON), ("PATCH", PERSON)},
        "config:read": {("GET", p) for p in (TENANT, PROJECT, f"{TENANT}/effective", f"{PROJECT}/effective")},
        "config:write": {(method, path) for method in ("PUT", "PATCH") for path in (TENANT, PROJECT)},
    }
    for scope in allowed:
        _, key = await create_key(hub.db, project_id, scopes=[scope])
        for granted, calls in allowed.items():
            for method, path in calls:
                answer = await call.with_key(key)(method, path, None if method == "GET" else {})
                assert answer.status == (200 if granted == scope else 403), (scope, method, path)


# Wrong bodies

WRONG: list[tuple[dict[str, Any] | list[Any], str, str]] = [
    ([], "", "invalid_type"),
    ({"chanels": {}}, "chanels", "unknown_field"),
    ({"chanels": None}, "chanels", "unknown_field"),
    ({"paused_until": "tomorrow"}, "paused_until", "invalid_time"),
    ({"paused_until": 1_763_700_000}, "paused_until", "invalid_type"),
    ({"channels": []}, "channels", "invalid_type"),
    ({"channels": {"pigeon": True}}, "channels.pigeon", "invalid_value"),
    ({"channels": {"pigeon": None}}, "channels.pigeon", "invalid_value"),
    ({"channels": {"email": "no"}}, "channels.email", "invalid_type"),
    ({"channels": {"email": 0}}, "channels.email", "invalid_type"),
    ({"channel_order": "email"}, "channel_order", "invalid_type"),
    ({"channel_order": ["email", "pigeon"]}, "channel_order.1", "invalid_value"),
    ({"channel_order": ["email", "in_app", "email"]}, "channel_order", "repeated"),
    ({"categories": {"": {}}}, "categories.", "invalid_name"),
    ({"categories": {"x" * 256: {}}}, f"categories.{'x' * 256}", "invalid_name"),
    ({"categories": {"x": True}}, "categories.x", "invalid_type"),
    ({"categories": {"x": {"enable": True}}}, "categories.x.enable", "unknown_field"),
    ({"categories": {"x": {"enabled": "yes"}}}, "categories.x.enabled", "invalid_type"),
    ({"categories": {"x": {"channels": {"fax": True}}}}, "categories.x.channels.fax", "invalid_value"),
    ({"categories": {f"c{index}": {} for index in range(501)}}, "categories", "too_long"),
    ({"quiet_hours": {"timezone": "UTC"}}, "quiet_hours.weekly", "required"),
    ({"quiet_hours": {"timezone": "Mars/Olympus", "weekly": []}}, "quiet_hours.timezone", "unknown_timezone"),
    ({"quiet_hours": {"weekly": None}}, "quiet_hours.weekly", "invalid_type"),
    ({"quiet_hours": {"weekly": [{"days": [1], "from": "22:00"}]}}, "quiet_hours.weekly.0.to", "required"),
    ({"quiet_hours": {"weekly": [], "hours": []}}, "quiet_hours.hours", "unknown_field"),
    (
        {"quiet_hours": {"weekly": [{"days": [1], "from": "24:00", "to": "07:00"}]}},
        "quiet_hours.weekly.0.from",
        "invalid_time",
    ),
    (
        {"quiet_hours": {"weekly": [{"days": [0], "from": "22:00", "to": "07:00"}]}},
        "quiet_hours.weekly.0.days.0",
        "out_of_range",
    ),
    (
        {"quiet_hours": {"weekly": [{"days": [True], "from": "22:00", "to": "07:00"}]}},
        "quiet_hours.weekly.0.days.0",
        "invalid_type",
    ),
    (
        {"quiet_hours": {"weekly": [{"days": [1, 2, 1], "from": "22:00", "to": "07:00"}]}},
        "quiet_hours.weekly.0.days",
        "repeated",
    ),
    ({"quiet_hours": {"weekly": [*NIGHTS["weekly"]] * 51}}, "quiet_hours.weekly", "too_long"),
    ({"digest": {}}, "digest.schedule", "required"),
    ({"digest": {"schedule": [{"days": [], "at": "09:00"}]}}, "digest.schedule.0.days", "too_short"),
    ({"digest": {"schedule": [{"days": [1], "at": "9:00"}]}}, "digest.schedule.0.at", "invalid_time"),
    ({"digest": {"schedule": [{"days": [1], "at": "09:00"}] * 51}}, "digest.schedule", "too_long"),
    ({"digest": {"schedule": [], "window": "PT1H"}}, "digest.window", "unknown_field"),
    ({"categories": {f"{index:0255}": {"channels": {"in_app": True}} for index in range(300)}}, "", "too_large"),
]
WRONG_FOR_A_PERSON: list[tuple[dict[str, Any], str, str]] = [
    ({"delegate": "ada"}, "delegate", "not_allowed"),
    ({"delegate": ""}, "delegate", "invalid_name"),
    ({"delegate": {"id": "grace"}}, "delegate", "invalid_type"),
    ({"consents": []}, "consents", "invalid_type"),
    ({"consents": {"marketing": True}}, "consents.marketing", "invalid_type"),
    ({"consents": {"marketing": {}}}, "consents.marketing.granted", "required"),
    ({"consents": {"marketing": {"granted": None}}}, "consents.marketing.granted", "invalid_type"),
    ({"consents": {"marketing": {"granted": True, "at": "now"}}}, "consents.marketing.at", "invalid_time"),
    ({"consents": {"marketing": {"granted": True, "source": "x" * 256}}}, "consents.marketing.source", "too_long"),
    ({"consents": {"marketing": {"granted": True, "by": "x"}}}, "consents.marketing.by", "unknown_field"),
    (
        {"consents": {"marketing": {"granted": True, "channels": ["fax"]}}},
        "consents.marketing.channels.0",
        "invalid_value",
    ),
    (
        {"consents": {"marketing": {"granted": True, "channels": ["email", "email"]}}},
        "consents.marketing.channels",
        "repeated",
    ),
]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_wrong_bodies_are_refused_and_change_nothing(call: Caller, method: str) -> None:
    for path in (PERSON, TENANT, PROJECT):
        await call("PUT", path, {"channels": {"email": False}})
        for body, where, code in WRONG + (WRONG_FOR_A_PERSON if path is PERSON else []):
            answer = await call(method, path, body)
            assert (body, errors(answer)) == (body, [(where, code)])
            assert (answer.code, await _stored(call, path)) == ("invalid", {"channels": {"email": False}})


async def _stored(call: Caller, path: str) -> Any:
    return (await call("GET", path)).json


@pytest.mark.parametrize("path", [TENANT, PROJECT])
async def test_only_people_have_delegates_and_consents(call: Caller, path: str) -> None:
    for method in ("PUT", "PATCH"):
        answer = await call(method, path, OWN)
        assert errors(answer) == [("delegate", "not_allowed"), ("consents", "not_allowed")]
        assert (await call(method, path, dict.fromkeys(OWN))).json == {}


async def test_a_patch_that_makes_the_whole_too_large_is_refused(call: Caller) -> None:
    half: dict[str, Any] = {f"{index:0255}": {} for index in range(200)}
    other: dict[str, Any] = {f"x{index:0254}": {} for index in range(200)}
    assert (await call("PATCH", PERSON, {"categories": half})).status == 200
    refused = await call("PATCH", PERSON, {"categories": other})
    assert errors(refused) == [("", "too_large")]
    assert "at most 65536 are allowed" in refused.json["detail"]
    many: dict[str, Any] = {f"c{index}": {} for index in range(301)}
    assert errors(await call("PATCH", PERSON, {"categories": many})) == [("categories", "too_long")]
    assert (await call("GET", PERSON)).json == {"categories": half}
    assert (await call("PUT", PERSON, raw=b" " * 600_000, headers={"Content-Type": "application/json"})).status == 413


# Required categories


async def test_nobody_opts_out_of_a_required_category(call: Caller) -> None:
    await call("PUT", "/v1/categories/security", {"default": "required"})
    await call("PUT", "/v1/categories/a.b", {"default": "required"})
    await call("PUT", "/v1/categories/news", {})
    body = {
        "channels": {"email": False},
        "categories": {
            "news": {"enabled": False},
            "unknown": {"enabled": False},
            "security": {"enabled": False, "channels": {"email": False, "web_push": True, "in_app": False}},
            "a.b": {"channels": {"web_push": False}},
        },
    }
    for path in (PERSON, TENANT, PROJECT):
        for method in ("PUT", "PATCH"):
            assert errors(await call(method, path, body)) == [
                ("categories.security.enabled", "required_category"),
                ("categories.security.channels.email", "required_category"),
                ("categories.security.channels.in_app", "required_category"),
                ("categories.a.b.channels.web_push", "required_category"),
            ]
            assert (await call("GET", path)).json == {}
    allowed = {
        "channels": {"email": False},
        "categories": {"security": {"enabled": True, "channels": {"email": True, "web_push": None}}},
    }
    for path in (PERSON, TENANT, PROJECT):
        assert (await call("PUT", path, allowed)).status == 200
    effective = (await call("GET", f"{PERSON}/effective?category=security")).json
    assert {(entry["enabled"], entry["layer"]) for entry in effective["channels"]} == {(True, "category")}


async def test_a_category_nobody_stored_is_required_when_general_is(call: Caller) -> None:
    await call("PUT", "/v1/categories/general", {"default": "required"})
    await call("PUT", "/v1/categories/news", {})
    body = {"categories": {name: {"enabled": False} for name in ("news", "unknown", "general")}}
    assert errors(await call("PUT", PERSON, body)) == [
        ("categories.unknown.enabled", "required_category"),
        ("categories.general.enabled", "required_category"),
    ]


async def test_a_category_that_became_required_does_not_lock_what_was_stored(call: Caller) -> None:
    await call("PUT", PERSON, {"categories": {"news": {"enabled": False}}})
    await call("PUT", "/v1/categories/news", {"default": "required"})
    patched = await call("PATCH", PERSON, {"channels": {"email": False}})
    assert patched.json == {"channels": {"email": False}, "categories": {"news": {"enabled": False}}}
    assert errors(await call("PUT", PERSON, patched.json)) == [("categories.news.enabled", "required_category")]


# Consents


def pass_by(moment: str) -> None:
    """Returns in a later millisecond."""
    while now() <= moment:
        pass


async def test_an_answer_has_its_time(call: Caller) -> None:
    started = now()
    stored = (await call("PUT", PERSON, {"consents": {"marketing": {"granted": True}, "x": {"granted": False}}})).json
    first = stored["consents"]["marketing"]["at"]
    assert started <= first <= now()
    assert stored == {"consents": {"marketing": {"granted": True, "at": first}, "x": {"granted": False, "at": first}}}
    repeated = await call("PATCH", PERSON, {"consents": {"marketing": {"granted": True, "source": "form"}}})
    assert repeated.json["consents"]["marketing"] == {"granted": True, "at": first, "source": "form"}
    pass_by(first)
    withdrawn = (await call("PATCH", PERSON, {"consents": {"marketing": {"granted": False}}})).json
    second = withdrawn["consents"]["marketing"]["at"]
    assert second > first
    assert withdrawn["consents"] == {
        "marketing": {"granted": False, "at": second},  # the form was about the other answer
        "x": {"granted": False, "at": first},
    }
    told = {"granted": True, "at": "2026-11-01T10:00:00+01:00", "source": "phone", "channels": ["email"]}
    given = (await call("PATCH", PERSON, {"consents": {"marketing": told, "x": None}})).json
    assert given == {"consents": {"marketing": {**told, "at": "2026-11-01T09:00:00.000Z"}}}
    pass_by(second)
    wider = (await call("PATCH", PERSON, {"consents": {"marketing": {"channels": None}}})).json
    third = wider["consents"]["marketing"]["at"]
    assert third > second
    assert wider == {"consents": {"marketing": {"granted": True, "at": third}}}
    pass_by(third)
    timeless = (await call("PATCH", PERSON, {"consents": {"marketing": {"at": None}}})).json
    assert timeless["consents"]["marketing"]["at"] > third


# Effective


def decided(effective: dict[str, Any]) -> list[tuple[str, bool, str, str | None]]:
    return [tuple(entry[name] for name in ("channel", "enabled", "layer", "reason")) for entry in effective["channels"]]


async def test_who_says_nothing_follows_the_category(call: Caller) -> None:
    answer = await call("GET", "/v1/users/nobody/preferences/effective")
    assert (answer.status, answer.json) == (
        200,
        {
            "category": "general",
            "channels": [
                {"channel": channel, "enabled": True, "layer": "category", "reason": None}
                for channel in ("in_app", "web_push", "email")
            ],
            "paused_until": None,
            "paused_by": None,
            "quiet_hours": None,
            "digest": None,
            "delegate": None,
            "channel_order": [],
        },
    )
    assert (await call("GET", "/v1/users/nobody")).status == 404
    unknown = (await call("GET", f"{PERSON}/effective?category=who%2Fknows")).json
    assert unknown == {**answer.json, "category": "who/knows"}
    await call("PUT", "/v1/categories/general", {"default": "opted_out", "ladder": [{"channel": "email"}]})
    unknown = (await call("GET", f"{PERSON}/effective?category=who%2Fknows")).json
    assert decided(unknown) == [("email", False, "category", "not_opted_in")]


async def test_the_uppermost_layer_that_says_something_decides(call: Caller, hub: Hub, project_id: int) -> None:
    await update_project(hub.db, project_id, timezone="Europe/Berlin")
    await call("PUT", PROJECT, {**WHOLE, "quiet_hours": NIGHTS, "categories": {"news": {"enabled": False}}})
    resolve = f"{PERSON}/effective?category=news"

    project = (await call("GET", f"{PROJECT}/effective?category=news")).json
    assert {(enabled, layer, reason) for _, enabled, layer, reason in decided(project)} == {
        (False, "project", "category_off")
    }
    assert (project["paused_until"], project["paused_by"]) == (WHOLE["paused_until"], "project")
    assert project["quiet_hours"] == {"timezone": "Europe/Berlin", **NIGHTS, "layer": "project"}
    assert project["digest"] == {**WHOLE["digest"], "layer": "project"}
    assert [entry["channel"] for entry in project["channels"]] == ["in_app", "email", "web_push"]
    assert project["channel_order"] == ["email", "web_push"]
    assert (await call("GET", resolve)).json == project
    assert (await call("GET", f"{TENANT}/effective?category=news")).json == project

    await call(
        "PUT",
        TENANT,
        {
            "categories": {"news": {"enabled": True, "channels": {"email": False}}},
            "digest": {"schedule": [{"days": [1], "at": "08:00"}]},
            "channel_order": ["web_push"],
            "quiet_hours": {"weekly": [], "timezone": "UTC"},
        },
    )
    assert (await call("GET", resolve)).json == project  # of no tenant
    tenant = (await call("GET", f"{TENANT}/effective?category=news")).json
    assert decided(tenant) == [
        ("in_app", True, "tenant", None),
        ("web_push", True, "project", None),
        ("email", False, "tenant", "channel_off"),
    ]
    assert tenant["quiet_hours"] == {"timezone": "UTC", "weekly": [], "layer": "tenant"}
    assert tenant["digest"] == {"schedule": [{"days": [1], "at": "08:00"}], "layer": "tenant"}
    assert (tenant["paused_by"], tenant["channel_order"]) == ("project", ["web_push"])
    assert (await call("GET", f"{resolve}&tenant=acme")).json == tenant

    await call("PUT", "/v1/users/ada", {"timezone": "Asia/Tokyo"})
    past = format_time(datetime.now(UTC) - timedelta(minutes=1))
    await call(
        "PUT",
        PERSON,
        {
            "paused_until": past,
            "categories": {"news": {"channels": {"email": True}}},
            "channels": {"in_app": False},
            "delegate": "grace",
            "quiet_hours": NIGHTS,
        },
    )
    person = (await call("GET", f"{resolve}&tenant=acme")).json
    assert decided(person) == [
        ("in_app", False, "person", "channel_off"),
        ("web_push", True, "project", None),
        ("email", True, "person", None),
    ]
    assert (person["paused_until"], person["paused_by"]) == (None, None)  # their own pause is over, whatever is below
    assert person["quiet_hours"] == {"timezone": "Asia/Tokyo", **NIGHTS, "layer": "person"}
    assert person["digest"]["layer"] == "tenant"
    assert person["delegate"] == "grace"
    assert (await call("GET", f"{TENANT}/effective?category=news")).json == tenant


async def test_effective_heeds_what_the_category_is(call: Caller) -> None:
    await call("PUT", PERSON, WHOLE)
    await call("PUT", "/v1/categories/alarm", {"default": "required", "quiet_hours": "ignore"})
    alarm = (await call("GET", f"{PERSON}/effective?category=alarm")).json
    assert {entry["enabled"] for entry in alarm["channels"]} == {True}
    assert (alarm["paused_by"], alarm["quiet_hours"]) == (None, None)
    ladder = [
        {"channel": "email", "after": "PT1H"},
        {"channel": "web_push"},
        {"channel": "in_app"},
        {"channel": "email", "after": "P1D"},
    ]
    await call("PUT", "/v1/categories/offers", {"kind": "marketing", "ladder": ladder})
    offers = (await call("GET", "/v1/users/bob/preferences/effective?category=offers")).json
    assert decided(offers) == [
        ("in_app", True, "category", None),
        ("web_push", False, "person", "no_consent"),
        ("email", False, "person", "no_consent"),
    ]
    consents = {"marketing": {"granted": True, "channels": ["email"]}}
    await call("PATCH", PERSON, {"consents": consents, "channels": {"email": True}})
    offers = (await call("GET", f"{PERSON}/effective?category=offers")).json
    assert decided(offers) == [
        ("in_app", True, "category", None),
        ("email", True, "person", None),
        ("web_push", False, "person", "no_consent"),
    ]


async def test_a_key_resolves_only_its_categories(call: Caller, hub: Hub, project_id: int) -> None:
    _, key = await create_key(hub.db, project_id, scopes=["users:read"], categories=["news"])
    restricted = call.with_key(key)
    assert (await restricted("GET", f"{PERSON}/effective?category=news")).status == 200
    refused = await restricted("GET", f"{PERSON}/effective")
    assert (refused.status, refused.code) == (403, "category_not_allowed")


async def test_wrong_parameters(call: Caller) -> None:
    for path in (f"{PROJECT}/effective?tenant=acme", f"{TENANT}/effective?tenant=acme", f"{PERSON}?category=x"):
        assert [code for _, code in errors(await call("GET", path))] == ["unknown_parameter"]
    assert errors(await call("GET", f"{PERSON}/effective?category=")) == [("query.category", "invalid_value")]
    assert (await call("DELETE", PERSON)).headers["Allow"] == "GET, HEAD, OPTIONS, PATCH, PUT"


# What they are for


async def test_what_is_switched_off_does_not_enter_the_inbox_from_the_next_publish_on(call: Caller) -> None:
    async def publish() -> list[str]:
        for tenant in ("acme", "other"):
            body = {"recipients": ["ada"], "title": tenant, "category": "news", "tenant": tenant}
            assert (await call("POST", "/v1/notifications", body)).status == 202
        items = (await call("GET", "/v1/users/ada/inbox")).json["items"]
        await call("POST", "/v1/users/ada/inbox/mark", {"action": "delete", "all": True})
        return sorted(item["title"] for item in items)

    assert await publish() == ["acme", "other"]
    await call("PATCH", TENANT, {"categories": {"news": {"enabled": False}}})
    assert await publish() == ["other"]
    await call("PATCH", PROJECT, {"channels": {"in_app": False}})
    assert await publish() == []
    await call("PATCH", PERSON, {"categories": {"news": {"channels": {"in_app": True}}}})
    assert await publish() == ["acme", "other"]
    await call("PATCH", PERSON, {"categories": None, "channels": {"in_app": True}})
    assert await publish() == ["other"]


# Others hear of it


async def test_a_change_of_defaults_is_told_to_other_processes(call: Caller, hub: Hub, project_id: int) -> None:
    async with redis_of(hub).pubsub() as pubsub:
        await pubsub.subscribe(project_channel(hub.installation, project_id))
        assert await pubsub.get_message(timeout=5) is not None  # the subscription
        for path in (TENANT, PROJECT):
            for method in ("PUT", "PATCH"):
                await call(method, path, {"channels": {"email": False}})
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
                assert message is not None
                assert message["data"] == b"p"
        await call("PUT", PERSON, {})  # read with the person, whenever it is needed
        await call("GET", f"{PERSON}/effective")
        assert await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1) is None
