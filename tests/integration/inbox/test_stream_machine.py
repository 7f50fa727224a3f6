"""The promise of the stream: whatever is lost, doubled, reordered or cut, at rest every client equals a fresh snapshot.

Real store, real publishing, real sessions; only the two networks are the test's: announcements between publishers and
gateways may be lost, doubled and reordered, and connections may end between any two frames. Pages are tiny, so that
every page border is met.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.codes import Close
from gateway.grant import READ, WRITE, Grant
from gateway.message import Message
from gateway.session import (
    Ack,
    Admit,
    ChangeState,
    Hold,
    Join,
    Mark,
    Read,
    Renew,
    Rules,
    Seen,
    Session,
    State,
)
from hub.bus import announce
from hub.config import Settings
from hub.model.cursor import decode_cursor
from hub.model.mark import parse_mark, seen_upto
from hub.model.person import Person
from hub.model.times import format_time, truncate
from hub.publish.accept import accept
from hub.publish.broadcast import pull_broadcasts
from hub.publish.cancel import cancel_notification
from hub.publish.inbox import mark, settle_due
from hub.publish.jobs import run_chunk
from hub.publish.publisher import PublishUnit
from hub.runtime import Hub, open_hub
from hub.store import jobs
from hub.store.idempotency import Answer
from hub.store.inbox import InboxQuery, open_inbox, read_changes, read_heads, read_page
from tests.support.client_model import ClientModel

T = TypeVar("T")
USERS = ("ada", "bob")
WELCOME_ITEMS, PAGE_ROWS = 3, 2
CATEGORIES = ("general", "social")
TAGS = ("x", "y")
EXAMPLES = int(os.environ.get("HUB_TEST_EXAMPLES", "25"))


class Network:
    """Stands where Redis is: keeps what was published until the test lets it through."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, bytes]] = []

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> list[int]:
        self.waiting += messages
        return []


class Device:
    """One client of one person, connected or not, with what is under way to it."""

    def __init__(self, name: str, user: str) -> None:
        self.name = name
        self.user = user
        self.model = ClientModel()
        self.session: Session | None = None
        self.wire: list[bytes] = []
        self.todo: list[Any] = []
        self.refs = 0


class StreamMachine(RuleBasedStateMachine):
    runner: asyncio.Runner
    hub: Hub

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.network = Network()
        self.hub.announcer.publish = self.network.publish  # type: ignore[method-assign]
        self.project_id = self.run(self._project())
        self.devices = [Device("phone", "ada"), Device("laptop", "ada"), Device("tablet", "bob")]
        self.people = {user: self.run(open_inbox(self.hub.db, self.project_id, user)).person_id for user in USERS}
        self.notifications: list[UUID] = []
        self.clock = 0.0
        for device in self.devices:
            self._connect(device, fresh=True)
        self.publish_several_at_once(4)
        self._rest()

    async def _project(self) -> int:
        row = await self.hub.db.fetchrow(
            "INSERT INTO projects (name, signing_secret) VALUES (gen_random_uuid()::text, 'x') RETURNING project_id"
        )
        assert row is not None
        return int(row["project_id"])

    # What backends do

    @rule(
        users=st.sampled_from([["ada"], ["bob"], ["ada", "bob"]]),
        category=st.sampled_from(CATEGORIES),
        tags=st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
        collapse=st.sampled_from([None, None, "c1", "c2"]),
        dedupe=st.sampled_from([None, None, None, "d1"]),
        expires=st.booleans(),
        long=st.sampled_from([False, False, False, True]),
    )
    def publish(
        self,
        users: list[str],
        category: str,
        tags: list[str],
        collapse: str | None,
        dedupe: str | None,
        expires: bool,
        long: bool,
    ) -> None:
        now = truncate(datetime.now(UTC))
        body: dict[str, Any] = {
            "recipients": users,
            "title": "t",
            "body": "x" * 9_000 if long else None,
            "category": category,
            "tags": tags,
            "collapse_key": collapse,
            "dedupe_key": dedupe,
            "expires_at": now + timedelta(hours=1) if expires else None,
        }
        self._publish(body)

    def _publish(self, *bodies: dict[str, Any]) -> None:
        now = truncate(datetime.now(UTC))
        accepted = [accept(self.project_id, body, now) for body in bodies]
        self.run(self.hub.publisher.publish(PublishUnit(accepted, Answer(202, b"{}"))))
        self.notifications += [notification.notification_id for notification in accepted]

    @rule(count=st.integers(2, 4))
    def publish_several_at_once(self, count: int) -> None:
        self._publish(*[{"recipients": ["ada"], "title": "t", "collapse_key": f"c{n % 2}"} for n in range(count)])

    @rule()
    def broadcast(self) -> None:
        self._publish({"recipients": [{"all": True}, "bob"], "title": "everyone"})
        self.run(self._work())

    async def _work(self) -> None:
        while (job := await jobs.claim(self.hub.db)) is not None:
            await run_chunk(self.hub, job)

    @precondition(lambda self: self.notifications)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        notification_id = data.draw(st.sampled_from(self.notifications))
        self.run(cancel_notification(self.hub, self.project_id, notification_id))
        self.run(self._work())

    @precondition(lambda self: self.notifications)
    @rule(data=st.data(), user=st.sampled_from(USERS))
    def cancel_for_one(self, data: st.DataObject, user: str) -> None:
        notification_id = data.draw(st.sampled_from(self.notifications))
        self.run(cancel_notification(self.hub, self.project_id, notification_id, [user]))

    # What time does

    @rule(column=st.sampled_from(["expires_at", "snoozed_until"]), share=st.integers(0, 1))
    def time_passes(self, column: str, share: int) -> None:
        self.run(self._age(column, share))
        self.run(settle_due(self.hub))

    async def _age(self, column: str, share: int) -> None:
        await self.hub.db.execute(
            f"UPDATE inbox_items SET {column} = date_trunc('second', now()) - interval '1 second' "
            f"WHERE person_id = ANY($1) AND {column} IS NOT NULL AND removed_at IS NULL AND seq % 2 >= $2",
            list(self.people.values()),
            share,
        )

    @rule()
    def gateways_compare_heads(self) -> None:
        for device in self.devices:
            self._reconcile(device)

    def _reconcile(self, device: Device) -> None:
        session = device.session
        if session is None or session.state in (State.HELLO, State.ADMITTING, State.JOINING):
            return
        person_id = self.people[device.user]
        head = self.run(read_heads(self.hub.db, [person_id]))[person_id]
        if head.pending_broadcasts:
            self.run(pull_broadcasts(self.hub, [person_id]))
            head = self.run(read_heads(self.hub.db, [person_id]))[person_id]
        self._act(device, session.behind(person_id, head.epoch, head.rev))

    # What the person does

    @rule(
        data=st.data(),
        action=st.sampled_from(["read", "unread", "seen", "archive", "unarchive", "pin", "unpin", "delete", "click"]),
        over_the_socket=st.booleans(),
    )
    def mark_some(self, data: st.DataObject, action: str, over_the_socket: bool) -> None:
        device = data.draw(st.sampled_from(self.devices))
        known = sorted(device.model.items)
        ids = data.draw(st.lists(st.sampled_from([*known, str(UUID(int=7))]), min_size=1, max_size=3, unique=True))
        self._mark(device, {"action": action, "ids": ids}, over_the_socket=over_the_socket)

    @rule(data=st.data())
    def snooze(self, data: st.DataObject) -> None:
        device = data.draw(st.sampled_from(self.devices))
        ids = data.draw(
            st.lists(st.sampled_from([*sorted(device.model.items), str(UUID(int=7))]), min_size=1, max_size=2)
        )
        until = format_time(datetime.now(UTC) + timedelta(hours=2))
        self._mark(device, {"action": "snooze", "ids": ids, "until": until})

    @rule(
        data=st.data(),
        action=st.sampled_from(
            ["read", "seen", "unread", "archive", "unarchive", "unsnooze", "pin", "unpin", "snooze", "delete"]
        ),
        category=st.sampled_from([None, *CATEGORIES]),
        tag=st.sampled_from([None, None, *TAGS]),
        within_held=st.booleans(),
        over_the_socket=st.booleans(),
    )
    def mark_all(
        self,
        data: st.DataObject,
        action: str,
        category: str | None,
        tag: str | None,
        within_held: bool,
        over_the_socket: bool,
    ) -> None:
        device = data.draw(st.sampled_from(self.devices))
        body: dict[str, Any] = {"action": action, "all": True}
        body |= {name: value for name, value in (("category", category), ("tag", tag)) if value is not None}
        if device.model.items and within_held:
            body["upto"] = max(item["seq"] for item in device.model.items.values())
        if action == "snooze":
            body["until"] = format_time(datetime.now(UTC) + timedelta(hours=3))
        self._mark(device, body, over_the_socket=over_the_socket)

    def _mark(self, device: Device, body: dict[str, Any], *, over_the_socket: bool = False) -> None:
        if over_the_socket and device.session is not None:
            device.refs += 1
            self._send(device, {"type": "mark", "ref": device.refs, **body})
        else:
            person = Person(self.people[device.user], self.project_id, device.user)
            self.run(mark(self.hub, person, parse_mark(body, datetime.now(UTC))))

    @rule(data=st.data())
    def panel_opened(self, data: st.DataObject) -> None:
        device = data.draw(st.sampled_from(self.devices))
        if device.session is not None:
            self._send(device, {"type": "seen", "rev": device.model.rev})

    @rule(data=st.data(), status=st.sampled_from(["all", "archived", "snoozed", "unread"]))
    def page_through_history(self, data: st.DataObject, status: str) -> None:
        device = data.draw(st.sampled_from(self.devices))
        if device.session is None or device.model.cursor is None:
            return
        cursor = None
        while True:
            arrived = device.model.rest_begins()
            query = InboxQuery(status=status, limit=PAGE_ROWS, cursor=cursor)
            page = self.run(read_page(self.hub.db, self.people[device.user], query))
            assert page is not None
            for _ in range(data.draw(st.integers(0, 2))):
                self._deliver(device)
            device.model.rest_answers(arrived, [msgspec.json.decode(item) for item in page.items])
            cursor = page.next_cursor
            if cursor is None:
                return

    # What networks do

    @rule(data=st.data(), fresh=st.sampled_from([False, False, False, True]))
    def reconnect(self, data: st.DataObject, fresh: bool) -> None:
        self._connect(data.draw(st.sampled_from(self.devices)), fresh)

    def _connect(self, device: Device, fresh: bool) -> None:
        self._disconnect(device)
        device.session = Session(f"{device.name}", Rules(), self.clock, 0.5)
        hello: dict[str, Any] = {"type": "hello", "token": device.user}
        if device.model.cursor is not None and not fresh:
            hello["cursor"] = device.model.cursor
        self._send(device, hello)

    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        self._disconnect(data.draw(st.sampled_from(self.devices)))

    def _disconnect(self, device: Device) -> None:
        if device.session is not None:
            device.session.end()
        device.session, device.wire, device.todo = None, [], []
        device.model.pending_rest = []

    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives", "arrives", "lost", "doubled"]))
    def announcement(self, data: st.DataObject, fate: str) -> None:
        waiting = self.network.waiting
        if not waiting:
            return
        name, payload = waiting.pop(data.draw(st.integers(0, min(2, len(waiting) - 1))))
        for _ in range({"arrives": 1, "lost": 0, "doubled": 2}[fate]):
            self._announce(name, payload)

    def _announce(self, name: str, payload: bytes) -> None:
        for device in self.devices:
            if name != announce.channel(self.hub.installation, self.project_id, device.user):
                continue
            unpacked = announce.unpack(payload)
            assert unpacked is not None
            position = decode_cursor(unpacked.cursor)
            assert position is not None
            message = Message(unpacked.frame, unpacked.cursor.encode(), unpacked.rev, position.epoch)
            if device.session is not None:
                self._act(device, device.session.announced(message))

    @rule(steps=st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=8))
    def things_happen(self, steps: list[tuple[int, bool]]) -> None:
        for index, io in steps:
            if io:
                self._perform(self.devices[index])
            else:
                self._deliver(self.devices[index])

    def _deliver(self, device: Device) -> None:
        if device.wire and device.session is not None:
            frame = msgspec.json.decode(device.wire.pop(0))
            for answer in device.model.receive(frame):
                self._send(device, answer)

    def _send(self, device: Device, frame: dict[str, Any]) -> None:
        assert device.session is not None
        self.clock += 1.0
        self._act(device, device.session.receive(msgspec.json.encode(frame), self.clock))

    def _act(self, device: Device, actions: Sequence[Any]) -> None:
        """What a gateway does with a session's actions; reads and timers wait for `_perform`."""
        session = device.session
        assert session is not None
        for action in actions:
            match action:
                case Message():
                    device.wire.append(action.payload)
                case Admit():
                    grant = Grant(
                        self.project_id, device.user, frozenset({READ, WRITE}), "2030-01-01T00:00:00.000Z", 1e9, 0.0
                    )
                    self._act(device, session.admitted(grant, self.clock))
                case Mark(ref, body):
                    person = Person(self.people[device.user], self.project_id, device.user)
                    result = self.run(mark(self.hub, person, parse_mark(body, datetime.now(UTC))))
                    self._act(device, session.answer(ref, result.rev, result.changed))
                case Seen(rev):
                    person = Person(self.people[device.user], self.project_id, device.user)
                    self.run(mark(self.hub, person, seen_upto(rev)))
                case Join() | Read() | Hold():
                    device.todo.append(action)
                case Ack() | ChangeState() | Renew():
                    pass
                case Close(code):
                    raise AssertionError(f"closed with {code}")

    def _perform(self, device: Device) -> bool:
        if not device.todo or device.session is None:
            return False
        session, action = device.session, device.todo.pop(0)
        match action:
            case Join():
                head = self.run(open_inbox(self.hub.db, self.project_id, device.user))
                if head.pending_broadcasts:
                    self.run(pull_broadcasts(self.hub, [head.person_id]))
                self._act(device, session.joined(head.person_id))
            case Hold():
                self._act(device, session.held_long_enough())
            case Read(cursor, _) if cursor is None:
                page = self.run(read_page(self.hub.db, self.people[device.user], InboxQuery(limit=WELCOME_ITEMS)))
                assert page is not None
                self._act(device, session.snapshot(page))
            case Read(cursor, after) if cursor is not None:
                changes = self.run(read_changes(self.hub.db, self.people[device.user], cursor, after, limit=PAGE_ROWS))
                if changes is None:
                    self._act(device, session.reset())
                else:
                    message = Message(changes.frame(), changes.cursor.encode())
                    self._act(device, session.page(changes, message))
        return True

    # What must hold

    @invariant()
    def counts_never_drift(self) -> None:
        if not hasattr(self, "people"):
            return
        drifted = self.run(self._drift())
        assert not drifted, f"stored counts differ from the items: {drifted}"

    async def _drift(self) -> list[Any]:
        rows = await self.hub.db.fetch(
            "SELECT h.person_id FROM inbox_heads h WHERE h.person_id = ANY($1) AND (h.unseen, h.unread, h.total) <> ("
            "SELECT count(*) FILTER (WHERE seen_at IS NULL), count(*) FILTER (WHERE read_at IS NULL), count(*) "
            "FROM inbox_items i WHERE i.person_id = h.person_id AND removed_at IS NULL AND archived_at IS NULL "
            "AND snoozed_until IS NULL)",
            list(self.people.values()),
        )
        return [row["person_id"] for row in rows]

    @rule()
    def everything_comes_to_rest(self) -> None:
        self._rest()

    def teardown(self) -> None:
        if not hasattr(self, "devices"):
            return
        for device in self.devices:
            if device.session is None:
                self._connect(device, fresh=False)
        self._rest()

    def _rest(self) -> None:
        self.run(self._work())
        for device in self.devices:
            if device.session is None:
                continue
            for _ in range(200):
                self._settle(device)
                before = (device.model.rev, len(device.wire), len(device.todo))
                self._reconcile(device)
                if (device.model.rev, len(device.wire), len(device.todo)) == before:
                    break
            self._compare(device)

    def _settle(self, device: Device) -> None:
        while device.wire or device.todo:
            while device.wire:
                self._deliver(device)
            self._perform(device)

    def _compare(self, device: Device) -> None:
        model, person_id = device.model, self.people[device.user]
        truth: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for status in ("all", "archived", "snoozed"):
            page = self.run(read_page(self.hub.db, person_id, InboxQuery(status=status, limit=1_000)))
            assert page is not None
            assert page.next_cursor is None
            truth |= {item["id"]: item for item in map(msgspec.json.decode, page.items)}
            counts = page.head.counts._asdict()
            assert model.rev == page.head.rev
        assert model.counts == counts
        for item_id, item in model.items.items():
            assert item_id in truth, f"{device.name} holds {item_id}, which is gone"
            assert item == truth[item_id]
        for item in truth.values():
            live = item["archived_at"] is None and item["snoozed_until"] is None
            if live and item["seq"] >= model.window:
                assert item["id"] in model.items, f"{device.name} misses {item}"


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_every_client_equals_a_fresh_snapshot(settings_: Settings, runner: asyncio.Runner) -> None:
    async def open_it() -> tuple[contextlib.AbstractAsyncContextManager[Hub], Hub]:
        context = open_hub(settings_, role="test")
        return context, await context.__aenter__()

    context, hub = runner.run(open_it())
    StreamMachine.runner, StreamMachine.hub = runner, hub
    try:
        run_state_machine_as_test(
            StreamMachine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=60,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=os.environ.get("CI") == "true",
                print_blob=True,
            ),
        )
    finally:
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def settings_(
    servers: Any, runner: asyncio.Runner, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    from hub.config import load_settings
    from tests.conftest import _clone, _drop

    monkeypatch.chdir(tmp_path)
    clone = runner.run(_clone(servers.database_url))
    yield load_settings(database_url=clone, redis_url=servers.redis_url, secret=servers.secret, pool_size=5)
    runner.run(_drop(servers.database_url, clone))
