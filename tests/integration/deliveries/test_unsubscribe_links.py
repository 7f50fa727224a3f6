"""The link to unsubscribe: one and the same in a mail's texts and in its header, and no marketing without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.runtime import Hub
from hub.store.templates import put_brand
from tests.support.api_server import Caller, serve_api
from tests.support.deliveries import make_sandbox, put_category, rows, states, steps

EMAIL: dict[str, Any] = {"ladder": [{"channel": "email"}]}


@pytest.fixture
async def call(hub: Hub, project_id: int) -> AsyncIterator[Caller]:
    """A sandbox with a brand, and `u`, who consents to marketing."""
    await make_sandbox(hub, project_id)
    await put_brand(hub.db, project_id, {"address": "Acme, 1 Main St"})
    async with serve_api(hub, project_id) as (_, caller):
        await caller("PUT", "/v1/users/u/preferences", {"consents": {"marketing": {"granted": True}}})
        yield caller


async def publish(call: Caller, hub: Hub, category: str) -> None:
    answer = await call("POST", "/v1/notifications", {"recipients": ["u"], "category": category, "title": "Sale"})
    assert answer.status == 202, answer
    async with steps(hub) as worker:
        await worker.run()


async def mails(hub: Hub) -> list[dict[str, Any]]:
    found = await hub.db.fetch("SELECT message FROM sandbox_messages ORDER BY position")
    return [row["message"] for row in found]


async def test_without_a_public_url_marketing_is_a_dead_letter_that_says_so(
    call: Caller, hub: Hub, project_id: int
) -> None:
    hub.settings.public_url = None
    await put_category(hub, project_id, "offers", kind="marketing", **EMAIL)
    await put_category(hub, project_id, "orders", **EMAIL)
    await publish(call, hub, "offers")
    assert await states(hub) == [("email", "dead", "no_public_url")]
    (row,) = await rows(hub)
    assert "HUB_PUBLIC_URL" in row["history"][-1][4]
    await publish(call, hub, "orders")
    (mail,) = await mails(hub)
    assert mail["unsubscribe_url"] is None, "what is no marketing goes without"


async def test_the_link_is_the_same_wherever_it_stands(call: Caller, hub: Hub, project_id: int) -> None:
    hub.settings.public_url = "https://hub.example.com/"
    await put_category(hub, project_id, "offers", kind="marketing", **EMAIL)
    await put_category(hub, project_id, "orders", **EMAIL)
    await put_category(hub, project_id, "security", default="required", **EMAIL)
    for category in ("offers", "orders", "security"):
        await publish(call, hub, category)
    offers, orders, security = await mails(hub)
    for mail in (offers, orders):
        assert mail["unsubscribe_url"].startswith("https://hub.example.com/l/u/")
        assert mail["unsubscribe_url"] in mail["rendered"]["text"]
        assert mail["unsubscribe_url"] in mail["rendered"]["html"]
    assert security["unsubscribe_url"] is None
    assert "/l/u/" not in security["rendered"]["html"], "nobody leaves what is required"


async def test_a_link_too_long_for_its_header_is_nowhere_and_marketing_does_not_go_without(
    call: Caller, hub: Hub, project_id: int
) -> None:
    hub.settings.public_url = "https://hub.example.com"
    for name, kind, fits in (
        ("ü" * 255, "marketing", True),
        ("😀" * 254 + "1", "transactional", False),
        ("😀" * 254 + "2", "marketing", False),
    ):
        await put_category(hub, project_id, name, kind=kind, **EMAIL)
        await publish(call, hub, name)
        mail = (await mails(hub))[-1]
        assert (mail["unsubscribe_url"] is not None) is fits
        assert ("/l/u/" in mail["rendered"]["html"]) is fits
    (dead,) = [row for row in await rows(hub) if row["state"] == "dead"]
    assert "too long" in dead["history"][-1][4]
