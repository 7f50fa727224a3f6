"""What a timeline says about deliveries: who did it, until when, in which order."""

from __future__ import annotations

from uuid import UUID

from hub.model.mark import Action
from hub.publish.cancel import cancel_notification
from hub.runtime import Hub
from hub.store.timeline import Event, read_timeline
from tests.integration.deliveries.test_ladder import PUSH_ALWAYS, act
from tests.support.deliveries import Steps, put_category
from tests.support.publishing import publish


async def events(hub: Hub, project_id: int, notification: UUID) -> list[Event]:
    return await read_timeline(hub.db, project_id, notification, after=None, limit=1_000)


async def test_a_cancellation_that_closes_a_push_is_the_backends(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH_ALWAYS)
    whole = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    some = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    await worker.run()
    await cancel_notification(hub, project_id, whole)
    await cancel_notification(hub, project_id, some, ["ada"])
    for notification in (whole, some):
        found = {(e.channel, e.event, e.reason, e.actor) for e in await events(hub, project_id, notification)}
        assert ("web_push", "withdrawing", "cancelled", "backend") in found
        assert ("in_app", "cancelled", None, "backend") in found


async def test_what_the_person_did_closes_a_push_as_theirs(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH_ALWAYS)
    notification = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    await worker.run()
    await act(hub, project_id, "ada", Action.SEEN)
    await cancel_notification(hub, project_id, notification)
    withdrawing = [e for e in await events(hub, project_id, notification) if e.event == "withdrawing"]
    assert [(e.reason, e.actor) for e in withdrawing] == [("seen", "person")]
