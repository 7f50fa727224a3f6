"""Dead letters: sent again with a new budget, decided anew, or given up; by id, by filter, by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from hub.api import dead_letters
from hub.model.outcome import Failed, Rejected, Sent
from hub.publish.settle import DEAD_LETTERS
from hub.runtime import Hub
from hub.store.database import Connection
from hub.store.dead_letters import Choice, begin, settle_dead
from hub.store.keys import create_key
from hub.store.projects import create_project
from tests.integration.deliveries.test_ladder import prefer
from tests.integration.deliveries.test_queue import PUSH, Scripted, many, use
from tests.support.api_server import Caller, serve_api
from tests.support.deliveries import Steps, put_category, rows, states
from tests.support.hub_dev import Outcome, run_hub
from tests.support.statistics import somebody_waits

GONE = Rejected("410 the subscription is gone")


@pytest.fixture
async def call(hub: Hub, project_id: int) -> AsyncIterator[Caller]:
    async with serve_api(hub, project_id) as (_, caller):
        yield caller


@pytest.fixture
async def push(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH, retry={"max_attempts": 2, "max_age": "PT1H"})


async def die(hub: Hub, project_id: int, worker: Steps, count: int = 1) -> Scripted:
    """So many dead letters, each refused at its first attempt."""
    provider = use(worker, hub, *[GONE] * count)
    await many(hub, project_id, count)
    await worker.run()
    assert {row["state"] for row in await rows(hub)} == {"dead"}
    provider.messages.clear()
    return provider


async def replay(call: Caller, **body: Any) -> int:
    answer = await call("POST", "/v1/deliveries/replay", body)
    assert answer.status == 200, answer
    assert answer.json["more"] is False
    return int(answer.json["replayed"])


@pytest.mark.usefixtures("push")
async def test_a_replay_has_a_new_budget_and_counts_its_attempts_on(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    provider = use(worker, hub, Failed("503"), Failed("503"), Failed("503"), Failed("503"))
    await many(hub, project_id, 1)
    for _ in range(2):
        await worker.run()
        await worker.later(minutes=1)
    assert await states(hub) == [("web_push", "dead", "attempts_spent")]
    await worker.later(hours=2)  # the age of its first budget is over, too
    (row,) = await rows(hub)
    assert await replay(call, ids=[str(row["delivery_id"])]) == 1
    assert await states(hub) == [("web_push", "waiting", "replayed")]
    for _ in range(2):
        await worker.run()
        await worker.later(minutes=1)
    assert await states(hub) == [("web_push", "dead", "attempts_spent")]
    assert [message.attempt for message in provider.messages] == [1, 2, 3, 4]
    assert len({message.delivery_id for message in provider.messages}) == 1
    assert await replay(call, state="dead", reason="attempts_spent") == 1
    await worker.run()
    assert await states(hub) == [("web_push", "sent", None)]
    whole = (await call("GET", f"/v1/deliveries/{row['delivery_id']}")).json
    events = [event["event"] for event in whole["history"]]
    assert events.count("dead") == 2
    assert events[-1] == "sent"
    assert [e["actor"] for e in whole["history"] if e["reason"] == "replayed"] == ["backend", "backend"]
    assert (whole["provider"], whole["attempts"]) == ("scripted", 5)


@pytest.mark.usefixtures("push")
async def test_a_worker_that_dies_over_a_replay_spends_the_new_budget(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    await die(hub, project_id, worker)
    assert await replay(call, state="dead") == 1
    for expected in ("due", "dead"):
        await worker.decide()
        taken = await hub.db.fetch(
            "UPDATE deliveries SET state = 'claimed', attempts = attempts + 1, lease_until = now() - interval '1 s' "
            "WHERE state = 'due' RETURNING attempts"
        )
        assert len(taken) == 1
        assert await worker.recover() == 1
        assert [row["state"] for row in await rows(hub)] == [expected]


@pytest.mark.usefixtures("push")
async def test_what_was_seen_or_switched_off_meanwhile_is_not_sent(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    provider = await die(hub, project_id, worker, 2)
    await put_category(hub, project_id, "push", ladder=[{"channel": "in_app"}, {"channel": "web_push", "if": "unseen"}])
    await prefer(hub, project_id, "ada", channels={"web_push": False})
    assert await replay(call, channel="web_push") == 2
    await worker.run()
    assert {row["reason"] for row in await rows(hub)} == {"channel_off"}
    assert provider.messages == []
    assert await replay(call, state="dead") == 0


@pytest.mark.usefixtures("push")
async def test_a_replay_stands_outside_the_order_of_first_attempts(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    provider = await die(hub, project_id, worker, 3)
    await many(hub, project_id, 2)
    assert await replay(call, state="dead") == 3
    await worker.run()
    assert {row["state"] for row in await rows(hub)} == {"sent"}
    firsts = [message.content["title"] for message in provider.messages if message.attempt == 1]
    assert (firsts, len(provider.messages)) == (["0", "1"], 5)


@pytest.mark.usefixtures("push")
async def test_two_calls_at_once_send_each_letter_again_once(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    provider = await die(hub, project_id, worker, 20)
    found = await asyncio.gather(*[replay(call, state="dead") for _ in range(4)])
    assert sum(found) == 20
    await worker.run()
    assert len(provider.messages) == 20


@pytest.mark.usefixtures("push")
async def test_what_another_call_has_just_taken_is_left_to_it(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    await die(hub, project_id, worker, 3)

    async def work(conn: Connection) -> asyncio.Task[int]:
        assert len(await settle_dead(conn, "purge", Choice(project_id), await begin(hub.db), None, 2)) == 2
        other = asyncio.create_task(replay(call, state="dead"))
        await somebody_waits(hub.db)
        return other

    other = await hub.db.transaction(work)
    assert await other == 1
    assert [row["reason"] for row in await rows(hub)] == ["purged", "purged", "replayed"]


@pytest.mark.usefixtures("push")
async def test_ten_thousand_are_replayed_by_one_call_and_held_only_in_batches(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    await die(hub, project_id, worker)
    names = [
        row["attname"]
        for row in await hub.db.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'deliveries'::regclass "
            "AND attnum > 0 AND NOT attisdropped"
        )
    ]
    values = ", ".join({"delivery_id": "n.id", "step": "n.step"}.get(name, name) for name in names)
    await hub.db.execute(
        f"INSERT INTO deliveries ({', '.join(names)}) SELECT {values} FROM deliveries, "
        "unnest($1::uuid[], $2::smallint[]) AS n (id, step)",
        [uuid7() for _ in range(10_000)],
        list(range(1, 10_001)),
    )
    headers = {"Idempotency-Key": "again"}
    answer = await call("POST", "/v1/deliveries/replay", {"state": "dead"}, headers=headers)
    assert (answer.json["replayed"], answer.json["more"]) == (10_001, False)
    transactions = await hub.db.fetch("SELECT DISTINCT xmin::text FROM deliveries WHERE reason = 'replayed'")
    assert len(transactions) == 21
    repeated = await call("POST", "/v1/deliveries/replay", {"state": "dead"}, headers=headers)
    assert repeated.raw == answer.raw
    assert repeated.headers["Idempotency-Replayed"] == "true"


@pytest.mark.usefixtures("push")
async def test_purging_gives_up_and_leaves_a_word(hub: Hub, project_id: int, worker: Steps, call: Caller) -> None:
    await die(hub, project_id, worker, 3)
    found = (await call("GET", "/v1/deliveries?state=dead&reason=rejected&provider=scripted")).json["items"]
    assert [entry["detail"] for entry in found] == ["scripted 410 the subscription is gone"] * 3
    answer = await call("POST", "/v1/deliveries/purge", {"ids": [found[0]["id"]]})
    assert (answer.json["purged"], answer.json["more"]) == (1, False)
    assert (await call("POST", "/v1/deliveries/purge", {"since": found[1]["dispatched_at"]})).json["purged"] == 1
    assert [row["state"] for row in await rows(hub)] == ["dead", "cancelled", "cancelled"]
    timeline = await call("GET", f"/v1/notifications/{found[0]['notification_id']}/timeline")
    assert [(e["event"], e["reason"], e["actor"]) for e in timeline.json["items"]][-1] == (
        "cancelled",
        "purged",
        "backend",
    )
    assert (await call("POST", "/v1/deliveries/purge", {"state": "dead"})).json["purged"] == 1
    assert await replay(call, state="dead") == 0


@pytest.mark.usefixtures("push")
async def test_others_letters_are_nobodys(hub: Hub, project_id: int, worker: Steps, call: Caller) -> None:
    await die(hub, project_id, worker)
    (row,) = await rows(hub)
    one = {"ids": [str(row["delivery_id"])]}
    other = await create_project(hub.db, "other")
    _, stranger = await create_key(hub.db, other.project_id, scopes=["admin"])
    _, news = await create_key(hub.db, project_id, scopes=["admin"], categories=["news"])
    _, reader = await create_key(hub.db, project_id, scopes=["notifications:read"])
    for key in (stranger, news):
        for body in (one, {"state": "dead"}):
            assert await replay(call.with_key(key), **body) == 0
            assert (await call.with_key(key)("POST", "/v1/deliveries/purge", body)).json["purged"] == 0
        assert (await call.with_key(key)("GET", f"/v1/deliveries/{row['delivery_id']}")).status == 404
    assert (await call.with_key(reader)("POST", "/v1/deliveries/replay", one)).status == 403
    assert await states(hub) == [("web_push", "dead", "rejected")]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({}, "ids", "required"),
        ({"ids": []}, "ids", "too_short"),
        ({"ids": ["x"]}, "ids.0", "invalid_value"),
        ({"reason": "rejcted"}, "reason", "invalid_value"),
        ({"ids": [str(uuid7())], "channel": "email"}, "ids", "not_allowed"),
        ({"ids": [str(uuid7()) for _ in range(101)]}, "ids", "too_long"),
        ({"state": "sent"}, "state", "invalid_value"),
        ({"channel": "in_app"}, "channel", "invalid_value"),
        ({"since": "yesterday"}, "since", "invalid_time"),
        ({"stat": "dead"}, "stat", "unknown_field"),
    ],
)
async def test_a_choice_that_chooses_nothing_is_refused(call: Caller, body: Any, path: str, code: str) -> None:
    for verb in ("replay", "purge"):
        answer = await call("POST", f"/v1/deliveries/{verb}", body)
        assert answer.status == 422
        assert [(error["path"], error["code"]) for error in answer.json["errors"]] == [(path, code)]


@pytest.mark.usefixtures("push")
async def test_dead_letters_are_counted_by_channel_and_reason(hub: Hub, project_id: int, worker: Steps) -> None:
    def value() -> float:
        return float(DEAD_LETTERS.labels("web_push", "rejected")._value.get())

    before = value()
    await die(hub, project_id, worker, 2)
    assert value() - before == 2


@pytest.mark.usefixtures("push")
async def test_a_letter_whose_notification_is_gone_stays(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    provider = await die(hub, project_id, worker)
    provider.outcomes.append(Sent())
    (row,) = await rows(hub)
    await hub.db.execute("UPDATE deliveries SET notification_id = $1", uuid7())
    assert await replay(call, ids=[str(row["delivery_id"])]) == 0
    assert await states(hub) == [("web_push", "dead", "rejected")]


@pytest.mark.usefixtures("push")
async def test_the_commands_list_show_replay_and_purge(
    hub: Hub, project_id: int, worker: Steps, call: Caller, tmp_path: Path
) -> None:
    await die(hub, project_id, worker, 3)

    async def run(*arguments: str) -> Outcome:
        return await run_hub("dead", *arguments, directory=tmp_path, HUB_URL=call.url, HUB_API_KEY=call.key or "")

    listed = (await run("list", "--reason", "rejected", "--json")).json["items"]
    assert len(listed) == 3
    misspelt = await run("list", "--reason", "rejcted")
    assert misspelt.status == 1
    assert "'rejcted'" in misspelt.err
    assert "template_failed" in misspelt.err
    await hub.db.execute("UPDATE deliveries SET provider = NULL WHERE delivery_id = $1", UUID(listed[1]["id"]))
    assert "None" not in (await run("show", listed[1]["id"])).out, "what there is nothing to say of is left out"
    shown = await run("show", listed[0]["id"])
    assert shown.status == 0, shown.err
    assert "410 the subscription is gone" in shown.out
    assert (await run("show", str(uuid7()))).status == 1
    assert (await run("purge", listed[0]["id"])).out == "1 given up\n"
    assert (await run("replay", "--provider", "nobody", "--json")).json == {"replayed": 0}
    assert (await run("replay", "--all")).out == "2 sent again\n"
    assert (await run("list", "--json")).json == {"items": []}
    assert (await run("replay")).status == 2
    assert (await run("purge", "x", "--all")).status == 2


@pytest.mark.usefixtures("push")
async def test_letters_that_die_again_at_once_do_not_keep_a_command_busy(
    hub: Hub, project_id: int, worker: Steps, call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "BATCH", 2)
    monkeypatch.setattr(dead_letters, "SECONDS", 0)  # one batch a call
    await die(hub, project_id, worker, 5)
    await hub.db.execute(
        """
        CREATE FUNCTION die_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.state := 'dead'; NEW.reason := 'rejected'; NEW.finished_at := clock_timestamp(); RETURN NEW;
        END $$;
        CREATE TRIGGER die_again BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION die_again()
        """
    )
    first = (await call("POST", "/v1/deliveries/replay", {"state": "dead"})).json
    assert (first["replayed"], first["more"]) == (2, True)
    outcome = await run_hub(
        *("dead", "replay", "--all", "--json"), directory=tmp_path, HUB_URL=call.url, HUB_API_KEY=call.key or ""
    )
    # One that died within the millisecond in which the command began may have a second turn.
    assert 5 <= outcome.json["replayed"] < 10, outcome.err
    assert await states(hub) == [("web_push", "dead", "rejected")] * 5


@pytest.mark.usefixtures("push")
async def test_what_dies_after_the_first_call_is_left_by_its_repetitions(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    provider = await die(hub, project_id, worker, 2)
    first = (await call("POST", "/v1/deliveries/replay", {"state": "dead"})).json
    provider.outcomes[:] = [GONE] * 2
    await worker.run()
    assert {row["state"] for row in await rows(hub)} == {"dead"}
    assert await replay(call, died_before=first["died_before"]) == 0
    assert await replay(call, state="dead") == 2
