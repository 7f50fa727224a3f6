"""docker-compose.yml's processes, by hand, behind Debian's HAProxy with the deploy/haproxy.cfg that compose mounts."""

from __future__ import annotations

import asyncio
import io
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
import yaml  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol
from yarl import URL

from tests.support.client_model import ClientModel
from tests.support.fleet import Deployment, Process, deployment, status_of
from tests.support.ports import free_port
from tests.support.system import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROTOCOL = Subprotocol("hub.v1")
PER_ADDRESS = 40  # connections of one address to each gateway; the readers of one test are fewer
PATIENCE = 30.0  # seconds until something that must happen counts as not happening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """One deployment for the module; whoever stops a process or a server starts it again."""
    directory = tmp_path_factory.mktemp("deployment")
    more = {
        "HUB_CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS),
        "HUB_TRUSTED_PROXIES": "*",  # as in compose
        "HUB_DRAIN_SECONDS": "2",
    }
    async with deployment(directory, apis=2, gateways=2, workers=1, **more) as running:
        await running.add_proxy()
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def backend(hub: Deployment) -> AsyncIterator[Backend]:
    async with aiohttp.ClientSession() as session:
        yield Backend(hub, session)


class Backend:
    """A backend that retries as the contract tells it to: 5xx and broken connections, with the same Idempotency-Key."""

    def __init__(self, hub: Deployment, session: aiohttp.ClientSession) -> None:
        self.hub = hub
        self.session = session

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One call without retry: status and JSON."""
        sent = {"Authorization": f"Bearer {self.hub.key}", **headers}
        url = URL(self.hub.proxy.url + path, encoded=True)  # %2F stays as it is
        async with self.session.request(method, url, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def publish(self, *users: str, **fields: Any) -> str:
        """The id of an accepted notification."""
        key = str(uuid4())
        body = {"recipients": list(users), "title": "Hello", **fields}
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(aiohttp.ClientConnectionError):
                    status, answer = await self.call("POST", "/v1/notifications", body, **{"Idempotency-Key": key})
                    if status == 202:
                        return str(answer["id"])
                    assert status in (409, 502, 503, 504), (status, answer)
                await asyncio.sleep(0.1)

    async def token(self, user: str) -> str:
        status, answer = await self.call("POST", f"/v1/users/{user}/tokens", {})
        assert status == 201, answer
        return str(answer["token"])

    async def inbox(self, user: str) -> list[dict[str, Any]]:
        """All items of a person, by REST."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            status, page = await self.call("GET", f"/v1/users/{user}/inbox?limit=100{cursor}")
            assert status == 200, page
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"


class Reader:
    """A client of the contract over either transport: its state is a ClientModel, and it comes back when thrown out."""

    def __init__(self, hub: Deployment, token: str) -> None:
        self.hub = hub
        self.token = token
        self.model = ClientModel()
        self.endings: list[int | None] = []  # close codes; None: the connection broke
        self.connected = 0
        self.changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def until(self, what: str, condition: Any) -> None:
        """Waits until `condition()` holds after some frame or connection."""
        try:
            async with asyncio.timeout(PATIENCE), self.changed:
                await self.changed.wait_for(condition)
        except TimeoutError:
            pytest.fail(f"{type(self).__name__} waits for {what}; endings {self.endings}, rev {self.model.rev}")

    async def holds(self, *notifications: str) -> None:
        wanted = set(notifications)
        await self.until(
            f"{len(wanted)} items", lambda: wanted <= {item["notification_id"] for item in self.model.items.values()}
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        self._task = asyncio.create_task(self._read())
        try:
            await self.until("welcome", lambda: self.connected > 0)
            yield self
        finally:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _read(self) -> None:
        while True:
            code = await self._connection()
            async with self.changed:
                self.endings.append(code)
                self.changed.notify_all()
            assert code is None or code < 4500, f"told to stop with {code}"
            await asyncio.sleep(0.05)  # a real client spreads its returns over seconds

    async def _connection(self) -> int | None:
        """One connection until its end; its close code."""
        raise NotImplementedError

    async def _frame(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        async with self.changed:
            if frame["type"] in ("welcome", "changes") and "rev" in frame:
                self.connected += 1
            replies = self.model.receive(frame)
            self.changed.notify_all()
        return replies


class WebSocketReader(Reader):
    async def _connection(self) -> int | None:
        try:
            async with connect(
                self.hub.proxy.url.replace("http", "ws") + "/v1/inbox/ws",
                subprotocols=[PROTOCOL],
                compression=None,
            ) as socket:
                hello = {"type": "hello", "token": self.token}
                if self.model.cursor:
                    hello["cursor"] = self.model.cursor
                await socket.send(json.dumps(hello))
                async for message in socket:
                    for reply in await self._frame(json.loads(message)):
                        await socket.send(json.dumps(reply))
            return socket.close_code
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        except (OSError, InvalidStatus, EOFError):
            return None


class EventSourceReader(Reader):
    async def _connection(self) -> int | None:
        headers = {"Last-Event-ID": self.model.cursor} if self.model.cursor else {}
        url = f"{self.hub.proxy.url}/v1/inbox/events?token={self.token}"
        try:
            async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
                if answer.status != 200:
                    return None
                event: dict[str, str] = {}
                async for raw in answer.content:
                    line = raw.decode().rstrip("\r\n")
                    if line:
                        name, _, value = line.partition(": ")
                        event[name] = value
                        continue
                    if event.get("event") == "close":
                        return int(json.loads(event["data"])["code"])
                    if "data" in event and await self._frame(json.loads(event["data"])):
                        return None  # a gap: there is no `sync` here, coming back with the cursor does the same
                    event = {}
                return None
        except aiohttp.ClientError:
            return None


async def readers(hub: Deployment, backend: Backend, users: list[str]) -> list[Reader]:
    """Two WebSockets and an event stream for each person."""
    made: list[Reader] = []
    for user in users:
        token = await backend.token(user)
        made += [WebSocketReader(hub, token), WebSocketReader(hub, token), EventSourceReader(hub, token)]
    return made


@asynccontextmanager
async def all_reading(everyone: Sequence[Reader]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for reader in everyone:
            await stack.enter_async_context(reader.reading())
        yield


async def same_as_inbox(backend: Backend, everyone: dict[str, list[Reader]]) -> None:
    """Every client holds exactly its person's inbox, and got there without a reload."""
    for user, clients in everyone.items():
        items = {item["id"]: item for item in await backend.inbox(user)}
        for client in clients:
            assert client.model.items == items
            assert client.model.reloads == 0


async def test_a_publish_reaches_websocket_and_event_stream_through_the_proxy(
    hub: Deployment, backend: Backend
) -> None:
    everyone = await readers(hub, backend, ["ada"])
    async with all_reading(everyone):
        first = await backend.publish("ada", title="One")
        second = await backend.publish("ada", title="Two")
        for reader in everyone:
            await reader.holds(first, second)
        await same_as_inbox(backend, {"ada": everyone})
    # Streams that are left end at once, not when the next comment, 15 s later, finds nobody.
    log = await logged(hub, "GET /v1/inbox/events", within=5)
    assert everyone[-1].token not in log, "the event stream's token is in the proxy's log"


async def logged(hub: Deployment, text: str, within: float = PATIENCE) -> str:
    """The proxy's log, once `text` is in it: a request is logged when it ends."""
    async with asyncio.timeout(within):
        while text not in hub.proxy.said():
            await asyncio.sleep(0.05)
    return hub.proxy.said()


async def test_connections_are_spread_over_both_gateways(hub: Deployment, backend: Backend) -> None:
    everyone = [WebSocketReader(hub, await backend.token("bob")) for _ in range(8)]
    async with all_reading(everyone):
        for gateway in hub.of("gateway"):
            async with backend.session.get(f"{gateway.url}/metrics") as answer:
                assert answer.status == 200
                counted = re.search(r"^hub_\w*connections\{[^}]*\} (\d+)", await answer.text(), re.MULTILINE)
            assert counted is not None
            assert int(counted[1]) >= 2


async def test_killed_gateway_loses_nobody_and_nothing(hub: Deployment, backend: Backend) -> None:
    gateway = hub.of("gateway")[0]
    users = [f"killed-{number}" for number in range(5)]
    everyone = dict(zip(users, [await readers(hub, backend, [user]) for user in users], strict=True))
    async with all_reading([reader for clients in everyone.values() for reader in clients]):
        sent: dict[str, list[str]] = {user: [] for user in users}
        for number in range(60):
            if number == 20:
                gateway.kill()
            user = users[number % len(users)]
            sent[user].append(await backend.publish(user, title=f"n{number}"))
        for user, clients in everyone.items():
            for client in clients:
                await client.holds(*sent[user])
        await same_as_inbox(backend, everyone)
        thrown_out = [reader for clients in everyone.values() for reader in clients if reader.endings]
        assert thrown_out, "nobody was connected to the gateway that was killed"
        await gateway.start()


async def test_rolling_restart_of_gateways_tells_clients_to_move_and_loses_nothing(
    hub: Deployment, backend: Backend
) -> None:
    users = [f"rolled-{number}" for number in range(3)]
    everyone = dict(zip(users, [await readers(hub, backend, [user]) for user in users], strict=True))
    clients = [reader for own in everyone.values() for reader in own]
    async with all_reading(clients):
        sent: dict[str, list[str]] = {user: [] for user in users}
        stop = asyncio.Event()

        async def publish() -> None:
            number = 0
            while not stop.is_set():
                user = users[number % len(users)]
                sent[user].append(await backend.publish(user, title=f"n{number}"))
                number += 1

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publish())
            for gateway in hub.of("gateway"):
                await proxy_sees_everybody(hub)
                assert await gateway.terminate() == 0, gateway.said()[-2000:]
                await gateway.start()
            stop.set()
        for user, own in everyone.items():
            for client in own:
                await client.holds(*sent[user])
        await same_as_inbox(backend, everyone)
        endings = [code for client in clients for code in client.endings]
        assert endings, "nobody had to move"
        assert set(endings) == {4000}, "a drained gateway says goodbye to everybody"


async def proxy_sees_everybody(hub: Deployment) -> None:
    """Waits until the proxy counts on every process: the next one is stopped when the last one serves again."""
    async with asyncio.timeout(PATIENCE):
        # The last word about each; who was never down is not spoken of.
        while "DOWN" in dict(re.findall(r"Server (\S+) is (UP|DOWN)", hub.proxy.said())).values():
            await asyncio.sleep(0.05)


async def test_killed_api_process_costs_a_retry_at_most(hub: Deployment, backend: Backend) -> None:
    api = hub.of("api")[0]
    reader = WebSocketReader(hub, await backend.token("carol"))
    async with reader.reading():
        sent = []
        for number in range(30):
            if number == 10:
                api.kill()
            sent.append(await backend.publish("carol", title=f"n{number}"))
        await reader.holds(*sent)
        assert len(reader.model.items) == len(set(sent)) == 30
    await api.start()


async def test_encoded_names_stay_one_segment_behind_the_proxy(hub: Deployment, backend: Backend) -> None:
    topic, user = "project%2F42", "team%2Fann%3Aeu"
    status, answer = await backend.call("PUT", f"/v1/topics/{topic}/subscribers", {"users": ["team/ann:eu"]})
    assert (status, answer) == (200, {"changed": 1})
    _, answer = await backend.call("GET", f"/v1/users/{user}/topics")
    assert "project/42" in json.dumps(answer)
    reader = WebSocketReader(hub, await backend.token(user))
    async with reader.reading():
        status, accepted = await backend.call(
            "POST", "/v1/notifications", {"recipients": [{"topic": "project/42"}], "title": "To the topic"}
        )
        assert status == 202
        await reader.holds(accepted["id"])
    assert [item["title"] for item in await backend.inbox(user)] == ["To the topic"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_ten_megabytes_are_refused_and_the_next_request_is_served(
    hub: Deployment, backend: Backend, chunked: bool
) -> None:
    body = b"x" * 10_000_000

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1 << 16):
            yield body[start : start + (1 << 16)]

    headers = {"Authorization": f"Bearer {hub.key}", "Content-Type": "application/json"}
    async with backend.session.post(
        f"{hub.proxy.url}/v1/notifications", data=parts() if chunked else io.BytesIO(body), headers=headers
    ) as answer:
        assert answer.status == 413
        assert answer.content_type == "application/problem+json"
        problem = await answer.json(content_type=None)
        assert problem["code"] == "too_large"
        assert chunked or ("10000000" in problem["detail"] and "524288" in problem["detail"])
    assert await backend.publish("dora")


async def test_health_is_answered_for_the_whole_and_metrics_only_inside(hub: Deployment, backend: Backend) -> None:
    assert await status_of(f"{hub.proxy.url}/healthz") == 200
    assert await status_of(f"{hub.proxy.url}/readyz") == 200
    for path, code in (("/metrics", "not_found"),):
        status, problem = await backend.call("GET", path)
        assert (status, problem["code"]) == (404, code)
    for process in (*hub.of("api"), *hub.of("gateway"), *hub.of("worker")):
        for path in ("/healthz", "/readyz", "/metrics"):
            assert await status_of(process.url + path) == 200, (process.name, path)


async def test_the_health_checks_that_compose_runs_find_everybody_well(hub: Deployment) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for process in hub.processes:
        service = services.get(process.name) or services[process.role]
        inside = "8080" if process.role == "proxy" else service["command"][-1]
        _, program, *arguments = service["healthcheck"]["test"]
        program = sys.executable if program == "python" else program
        for port, healthy in ((str(process.port), True), ("1", False)):  # nobody listens on port 1
            check = await asyncio.create_subprocess_exec(
                program, *(argument.replace(inside, port) for argument in arguments), stderr=asyncio.subprocess.DEVNULL
            )
            assert (await check.wait() == 0) is healthy, process.name


async def test_without_gateways_the_proxy_says_so_and_backends_are_still_served(
    hub: Deployment, backend: Backend
) -> None:
    for gateway in hub.of("gateway"):
        gateway.kill()
    async with asyncio.timeout(PATIENCE):
        while await status_of(f"{hub.proxy.url}/readyz") != 503:
            await asyncio.sleep(0.05)
    status, problem = await backend.call("GET", "/v1/inbox")
    assert (status, problem["code"], problem["status"]) == (503, "unavailable", 503)
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id", "errors"}
    assert await backend.publish("erin")
    for gateway in hub.of("gateway"):
        await gateway.start()
    async with asyncio.timeout(PATIENCE):
        while await status_of(f"{hub.proxy.url}/readyz") != 200:
            await asyncio.sleep(0.05)


async def test_without_redis_the_proxy_keeps_everybody_and_every_publish_is_accepted(
    hub: Deployment, backend: Backend
) -> None:
    behind = [*hub.of("api"), *hub.of("gateway")]
    before = [await unready_answers(backend, process) for process in behind]
    await hub.servers.kill_valkey()
    async with asyncio.timeout(PATIENCE):
        for process, answers in zip(behind, before, strict=True):
            # `fall 2`: whom the proxy takes out is out when it asks for the third time.
            while await unready_answers(backend, process) < answers + 3:
                await asyncio.sleep(0.05)
    sent = []
    for number in range(10):
        status, accepted = await backend.call(
            "POST", "/v1/notifications", {"recipients": ["greta"], "title": f"n{number}"}
        )
        assert status == 202, accepted
        sent.append(accepted["id"])
    authorization = f"Bearer {await backend.token('greta')}"
    status, page = await backend.call("GET", "/v1/inbox", Authorization=authorization)  # a gateway's
    assert status == 200, page
    assert [item["notification_id"] for item in page["items"]] == sent[::-1]
    await hub.servers.start_valkey()
    async with asyncio.timeout(PATIENCE):
        for process in behind:
            while await status_of(f"{process.url}/readyz") != 200:
                await asyncio.sleep(0.05)


async def unready_answers(backend: Backend, process: Process) -> int:
    """How many health checks a process answered with 503."""
    async with backend.session.get(f"{process.url}/metrics") as answer:
        counted = re.search(
            r'^hub_http_requests_total\{.*route="/readyz",status="503"\} (\d+)', await answer.text(), re.MULTILINE
        )
    return int(counted[1]) if counted else 0


async def test_client_claims_about_itself_are_replaced(hub: Deployment, backend: Backend) -> None:
    """Limits go by the address that the proxy saw, not by what was claimed; only the request id is the caller's."""
    request_id = f"test-{uuid4()}"
    status, _ = await backend.call(
        "GET", "/v1/users/nobody", **{"X-Forwarded-For": "203.0.113.9", "X-Request-Id": request_id}
    )
    assert status == 404
    assert request_id in await logged(hub, request_id)

    async def opened(address: str, claimed: str) -> ClientConnection:
        return await sockets.enter_async_context(
            connect(
                hub.proxy.url.replace("http", "ws") + "/v1/inbox/ws",
                subprotocols=[PROTOCOL],
                compression=None,
                local_addr=(address, 0),
                additional_headers={"X-Forwarded-For": claimed},
            )
        )

    async with AsyncExitStack() as sockets:
        # One more than both gateways together take from one address: somewhere there is one too many.
        many = [await opened("127.0.0.2", f"203.0.113.{number}") for number in range(2 * PER_ADDRESS + 1)]
        ends = {asyncio.create_task(socket.wait_closed()): socket for socket in many}
        ended, others = await asyncio.wait(ends, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        assert {ends[task].close_code for task in ended} == {1013}
        neighbour = await opened("127.0.0.3", "203.0.113.0")
        await neighbour.send(json.dumps({"type": "hello", "token": await backend.token("neighbour")}))
        assert json.loads(await neighbour.recv())["type"] == "welcome"


async def test_links_of_mails_go_to_a_gateway_and_their_tokens_into_no_log(hub: Deployment, backend: Backend) -> None:
    request_id = f"test-{uuid4()}"
    for method in ("GET", "POST"):
        async with backend.session.request(
            method, f"{hub.proxy.url}/l/u/opaque-token-1?x=1", headers={"X-Request-Id": request_id}
        ) as answer:
            assert (answer.status, answer.content_type) == (404, "text/html")
    said = await logged(hub, request_id)
    assert "/l/u/[hidden]" in said
    assert not any("opaque-token-1" in process.said() for process in hub.processes)


async def test_tls_at_the_proxy_carries_websocket_and_http2(hub: Deployment, backend: Backend, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    port = free_port()
    await hub.add_proxy("proxy-tls", PROXY_TLS_BIND=f"127.0.0.1:{port}", PROXY_TLS_CERTIFICATE=str(certificate))
    trust = ssl.create_default_context(cafile=certificate)
    token = await backend.token("frida")
    async with connect(
        f"wss://localhost:{port}/v1/inbox/ws",
        subprotocols=[PROTOCOL],
        origin=Origin(f"https://localhost:{port}"),
        ssl=trust,
    ) as socket:
        await socket.send(json.dumps({"type": "hello", "token": token}))
        assert json.loads(await socket.recv())["type"] == "welcome"
    trust.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection("localhost", port, ssl=trust)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    writer.close()


def self_signed(directory: Path) -> Path:
    """A certificate of localhost with its key, in one file as HAProxy wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "tls.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
