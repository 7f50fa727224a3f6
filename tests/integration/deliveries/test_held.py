"""Deliveries that no provider could be asked for: they keep their place, cost no attempt, and do not wait for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.model.message import Message
from hub.model.outcome import Attempt, Failed, Held, Sent
from hub.model.reason import Reason
from hub.publish.settle import claim, report
from hub.runtime import Hub
from tests.integration.deliveries.test_queue import PUSH, many
from tests.support.deliveries import Steps, put_category, rows, states, told
from tests.support.publishing import publish
from workers.route import Route
from workers.sender import Sender

DOWN = Attempt(Held(Reason.PROVIDERS_DOWN, timedelta(seconds=30)))


class Told(Route):
    """A route that says what it is told, and then that everything was sent."""

    def __init__(self, *attempts: Attempt) -> None:
        super().__init__("web_push", [])
        self.attempts = list(attempts)
        self.messages: list[Message] = []

    async def send(self, message: Message) -> Attempt:
        self.messages.append(message)
        return self.attempts.pop(0) if self.attempts else Attempt(Sent("r1"), "relay-2", ("relay-1: 421 busy",))


@pytest.fixture
async def push(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH, retry={"max_attempts": 3, "max_age": "PT1H"})


def use(worker: Steps, hub: Hub, *attempts: Attempt) -> Told:
    route = Told(*attempts)
    worker.senders = [Sender(hub, "web_push", route, route, lambda: None)]
    return route


@pytest.mark.usefixtures("push")
async def test_what_is_held_costs_no_attempt_and_keeps_its_place(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 3)
    route = use(worker, hub, DOWN, DOWN)
    await worker.run()
    assert [(r["state"], r["attempts"], r["reason"]) for r in await rows(hub)] == [
        ("due", 0, "providers_down"),
        ("queued", 0, "ready"),
        ("queued", 0, "ready"),
    ]
    for _ in range(2):
        await worker.later(minutes=1)
        await worker.run()
    assert [(message.content["title"], message.attempt) for message in route.messages] == [
        ("0", 1),
        ("0", 1),
        ("0", 1),
        ("1", 1),
        ("2", 1),
    ]
    assert {row["state"] for row in await rows(hub)} == {"sent"}


@pytest.mark.usefixtures("push")
async def test_a_retry_that_is_held_holds_up_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    route = use(worker, hub, Attempt(Failed("503"), "relay-1"), Attempt(Held(Reason.RETRIES_HELD, timedelta(hours=1))))
    await worker.run()
    await worker.later(minutes=1)
    await worker.run()
    await many(hub, project_id, 1)
    await worker.run()
    assert [(r["state"], r["attempts"]) for r in await rows(hub)] == [("due", 1), ("sent", 1)]
    assert [message.attempt for message in route.messages] == [1, 2, 1]


@pytest.mark.usefixtures("push")
async def test_an_outage_is_told_once_and_the_way_out_of_it_too(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    use(worker, hub, *[DOWN] * 20)
    for _ in range(20):
        await worker.run()
        await worker.later(minutes=1)
    await worker.run()
    (row,) = await rows(hub)
    assert [(entry[2], entry[3]) for entry in row["history"]][1:] == [
        ("queued", "ready"),
        ("due", "ready"),
        ("claimed", None),
        ("waiting", "providers_down"),
        ("claimed", None),
        ("sent", None),
    ]
    assert row["history"][-1][4] == "relay-1: 421 busy; relay-2 r1"
    assert ("web_push", "waiting", "providers_down") in await told(hub, project_id, row["notification_id"])


@pytest.mark.usefixtures("push")
async def test_nothing_is_held_past_the_age_of_its_budget(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 2)
    route = use(worker, hub, *[DOWN] * 50)
    for _ in range(4):
        await worker.run()
        await worker.later(minutes=29)
    assert [(r["state"], r["reason"], r["attempts"], r["shown"]) for r in await rows(hub)] == [
        ("dead", "attempts_spent", 0, False),
        ("dead", "attempts_spent", 0, False),  # its turn came when the one before it had ended
    ]
    assert (await rows(hub))[0]["history"][-1][4] == Reason.PROVIDERS_DOWN.sentence
    assert len(route.messages) == 5


@pytest.mark.usefixtures("push")
async def test_it_gets_its_last_chance_when_its_age_is_over(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    use(worker, hub, Attempt(Held(Reason.PROVIDERS_DOWN, timedelta(days=9))))
    await worker.run()
    (row,) = await rows(hub)
    assert row["due_at"] == row["ready_at"] + timedelta(hours=1)
    await worker.later(hours=1)
    await worker.run()
    assert await states(hub) == [("web_push", "sent", None)]


@pytest.mark.usefixtures("push")
@pytest.mark.parametrize("meanwhile", ["expires", "cancelled"])
async def test_what_is_held_ends_when_there_is_nothing_left_to_send(
    hub: Hub, project_id: int, worker: Steps, meanwhile: str
) -> None:
    more: dict[str, Any] = {"expires_at": datetime.now(UTC) + timedelta(minutes=10)} if meanwhile == "expires" else {}
    notification = await publish(hub, project_id, recipients=["ada"], title="t", category="push", **more)
    route = use(worker, hub, Attempt(Held(Reason.PACED, timedelta(minutes=59))))
    await worker.run()
    if meanwhile == "expires":
        await hub.db.execute("UPDATE notifications SET expires_at = expires_at - interval '10 minutes'")
        await worker.later(minutes=10)
    else:
        await hub.db.execute("UPDATE notifications SET cancelled_at = now() WHERE notification_id = $1", notification)
        await worker.later(minutes=59)
    await worker.run()
    assert [state for _, state, _ in await states(hub)] == ["expired" if meanwhile == "expires" else "cancelled"]
    assert len(route.messages) == 1


@pytest.mark.usefixtures("push")
async def test_a_report_that_is_repeated_does_not_touch_the_next_claim(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await many(hub, project_id, 1)
    await worker.decide()
    first = (await claim(hub, "web_push", 10)).going
    await report(hub, [(known, DOWN) for known in first])
    await worker.later(minutes=1)
    second = (await claim(hub, "web_push", 10)).going
    assert [known.row["attempts"] for known in (*first, *second)] == [1, 1]
    await report(hub, [(known, DOWN) for known in first])  # its answer was lost with the connection
    assert [(row["state"], row["attempts"]) for row in await rows(hub)] == [("claimed", 1)]
    await report(hub, [(known, Attempt(Sent())) for known in second])
    assert {row["state"] for row in await rows(hub)} == {"sent"}
