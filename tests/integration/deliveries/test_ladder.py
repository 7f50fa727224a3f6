"""Climbing a ladder, on a real store: what is planned, decided, sent, and told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.publish import schedule
from hub.runtime import Hub
from tests.support.deliveries import Steps, make_sandbox, put_category, rows, sent, states, steps, told
from tests.support.publishing import publish




async def test_who_is_away_gets_a_push_at_once_and_an_email_after_its_delay(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="t")
    print(await states(hub))
    await worker.run()
    print(await states(hub))
    for row in await rows(hub): print(row["history"])
    await worker.later(minutes=11)
    await worker.run()
    print(await states(hub), await sent(hub))
    print(await told(hub, project_id, notification))
    assert False
