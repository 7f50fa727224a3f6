"""Mails of a category that counts opens and clicks, as a channel gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from hub.model.message import Message
from hub.publish import compose as composing
from hub.publish.facts import read_known
from hub.runtime import Hub
from tests.support.deliveries import put_category, rows
from tests.support.publishing import publish

pytestmark = pytest.mark.usefixtures("worker")
HTML = '<body><a href="https://shop.example/">x</a></body>'


async def composed(hub: Hub, project_id: int, **policy: Any) -> str:
    """The HTML of one mail of a category."""
    await put_category(hub, project_id, "news", ladder=[{"channel": "email"}], **policy)
    await publish(hub, project_id, recipients=["ada"], title="t", category="news")
    ids: Sequence[UUID] = [row["delivery_id"] for row in await rows(hub)][-1:]
    async with hub.db.acquire() as conn:
        (known,) = await read_known(hub, conn, ids)
        (message,) = await composing.compose(hub, conn, [known])
    assert isinstance(message, Message)
    rendered = msgspec.structs.replace(message, rendered={**message.rendered, "html": HTML})
    tracked = composing._tracked(hub, known, rendered)
    assert isinstance(tracked, Message)
    assert {**tracked.rendered, "html": HTML} == rendered.rendered
    return tracked.rendered["html"]


async def test_only_what_a_category_asks_for_is_tracked(hub: Hub, project_id: int) -> None:
    hub.settings.public_url = "https://hub.example/"
    assert await composed(hub, project_id) == HTML
    assert await composed(hub, project_id, tracking={"opens": False}) == HTML
    opens = await composed(hub, project_id, tracking={"opens": True})
    assert opens.startswith('<body><a href="https://shop.example/">x</a><img src="https://hub.example/l/o/')
    clicks = await composed(hub, project_id, tracking={"clicks": True})
    assert clicks.startswith('<body><a href="https://hub.example/l/c/')
    assert "<img" not in clicks


async def test_a_hub_that_does_not_know_its_address_tracks_nothing(hub: Hub, project_id: int) -> None:
    assert await composed(hub, project_id, tracking={"opens": True, "clicks": True}) == HTML
