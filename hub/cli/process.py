"""One process of the hub: its roles on one port, from the first signal of readiness to an orderly end.

    start:  port → runtime → gateway's subscriptions → HTTP server → worker loops → ready
    stop:   not ready → no new connections → sessions told to leave, spread over the drain window → requests finish
            → worker loops finish their step → gateway → runtime

The first SIGINT or SIGTERM stops in that order; a second one leaves out the waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import uvicorn

from gateway.server import GatewayApp, create_gateway
from hub.api.app import ApiApp, api_routes, create_api
from hub.api.context import Api
from hub.config import Settings, unknown_variables
from hub.exceptions import HubError
from hub.runtime import Hub, open_hub
from hub.telemetry import configure_logging, get_logger
from hub.web.acceptor import Acceptor
from hub.web.app import WebApp
from hub.web.asgi import ASGIApp, Receive, Scope, Send
from hub.web.documentation import Documentation
from hub.web.health import HealthRoutes
from hub.web.http import HttpProtocol
from hub.web.routing import Route
from workers.worker import Worker

log = get_logger("hub")

MAX_CLIENT_FRAME_BYTES = 16 * 1024  # contract, "Frames"
_BACKLOG = 4096  # a reconnect storm arrives within a second; somaxconn caps it where the kernel allows less
_KEEP_ALIVE_SECONDS = (
    75  # longer than a proxy keeps its idle connections, so that it never sends into one we just closed
)
_REQUESTS_END_SECONDS = 10  # the longest request is one bounded transaction
_WORKER_END_SECONDS = 15  # a step is one transaction, and statements time out after 15 s
_GC_GENERATION_2 = 1000  # a full collection stops a gateway for 23 ms per 1,000 connections (facts.md)


@dataclass(frozen=True, slots=True)
class Roles:
    """What a process does. `front` answers before api and gateway: the demo page of `hub dev`."""

    api: bool = False
    gateway: bool = False
    worker: bool = False
    front: Callable[[ASGIApp], ASGIApp] | None = None

    def __str__(self) -> str:
        return "+".join(name for name in ("api", "gateway", "worker") if getattr(self, name))


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket; connections wait in it until the server is ready.

    Raises:
        HubError: The port is taken, or the address is none of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Accepted sockets inherit it; asyncio sets it only where a socket names its protocol, and this one does not.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except PermissionError:
        raise HubError(f"Port {port} needs root; use one above 1023 with --port.") from None
    except OSError as error:
        if error.errno in (98, 48):  # EADDRINUSE on Linux, on the BSDs and macOS
            raise HubError(
                f"Port {port} on {host} is taken: stop what uses it, or choose another with --port."
            ) from None
        raise HubError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None


def address_of(listener: socket.socket) -> str:
    """The listener's base URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def start_logging(settings: Settings, role: str) -> None:
    """Logs as the settings say, and a warning for each `HUB_*` name that nothing reads."""
    configure_logging(settings.log_format, role=role, level=_LEVELS[settings.log_level])
    for name in unknown_variables():
        log.warning("config.unknown_variable", name=name, hint="misspelt? nothing reads it")


_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


async def run_roles(
    settings: Settings,
    roles: Roles,
    listener: socket.socket,
    *,
    prepare: Callable[[Hub], Awaitable[None]] | None = None,
    on_ready: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGINT or SIGTERM, then stop in order. Closes `listener`.

    Args:
        prepare: Called with the open runtime, before anything serves.
        on_ready: Called once, when requests are answered.

    Raises:
        Unreachable: Postgres does not answer at the start.
        HubError: No schema, or a part of the process ended by itself.
    """
    with contextlib.closing(listener):
        async with open_hub(settings, role=str(roles)) as hub:
            if prepare is not None:
                await prepare(hub)
            await _Process(hub, roles, listener, on_ready).run()


class _Process:
    def __init__(
        self, hub: Hub, roles: Roles, listener: socket.socket, on_ready: Callable[[], Awaitable[None]]
    ) -> None:
        self._hub = hub
        self._listener = listener
        self._on_ready = on_ready
        self._draining = False
        self._gateway = create_gateway(hub) if roles.gateway else None
        self._api = create_api(hub, described=self._gateway_routes, draining=self._is_draining) if roles.api else None
        self._worker = Worker(hub) if roles.worker else None
        app = self._compose()
        app = app if roles.front is None else roles.front(app)
        self._server = _Server(_configure(hub.settings, app, self._gateway), self._started, self._drain, self._is_busy)

    async def run(self) -> None:
        worker: asyncio.Task[None] | None = None
        with _signals(self._stop):
            try:
                if self._gateway is not None:
                    await self._gateway.startup()
                if self._worker is not None:
                    worker = asyncio.create_task(self._worker.run(), name="worker")
                    worker.add_done_callback(lambda _: self._stop())
                await self._server.serve([self._listener])
                unasked = worker is not None and worker.done()
            finally:
                if self._worker is not None and worker is not None:
                    self._worker.stop()
                    await _finish(worker)
                if self._api is not None:
                    await self._api.close()
                if self._gateway is not None:
                    await self._gateway.close()
        if unasked:
            raise HubError("The worker ended by itself; the log says why.")

    async def _started(self) -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], _GC_GENERATION_2)
        await self._on_ready()

    def _compose(self) -> ASGIApp:
        if self._api is not None:
            return self._api if self._gateway is None else _ByPath(self._api, self._gateway)
        return self._gateway if self._gateway is not None else _health(self._hub, self._is_draining)

    def _gateway_routes(self) -> list[Route]:
        return (self._gateway or create_gateway(self._hub)).routes

    def _is_draining(self) -> bool:
        return self._draining

    def _is_busy(self) -> bool:
        return self._gateway is not None and self._gateway.board.turns.busy

    async def _drain(self) -> None:
        if self._api is not None:
            self._api.drain()
        if self._gateway is not None:
            await self._gateway.drain()

    def _stop(self) -> None:
        if self._server.should_exit:
            self._server.hurry()
        self._draining = True
        self._server.leave()


async def _finish(worker: asyncio.Task[None]) -> None:
    try:
        async with asyncio.timeout(_WORKER_END_SECONDS):
            await worker
    except TimeoutError:
        log.warning("worker.cut", seconds=_WORKER_END_SECONDS)
    except Exception:
        log.exception("worker.failed")


class _Server(uvicorn.Server):
    """uvicorn's server with our order of ending: it would close every socket at once, and die of the signal it got."""

    def __init__(
        self,
        config: uvicorn.Config,
        started: Callable[[], Awaitable[None]],
        drain: Callable[[], Awaitable[None]],
        busy: Callable[[], bool],
    ) -> None:
        super().__init__(config)
        self._busy = busy
        self._on_started = started
        self._drain = drain
        self._leaving = asyncio.Event()
        self._hurry = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's business."""
        yield

    def leave(self) -> None:
        """Serve no longer; `shutdown` follows."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """uvicorn's wakes ten times a second to ask whether it should end: half of what an idle process takes."""
        while not await self.on_tick(0):  # sets the clock that answers tell
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._leaving.wait()

    def hurry(self) -> None:
        """Leave out what is still waited for."""
        self.force_exit = True
        self._hurry.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self.servers = [Acceptor(listener, self._make_protocol, self._busy) for listener in sockets or ()]  # type: ignore[misc]
        try:
            await self._on_started()
        except BaseException:
            for server in self.servers:
                server.close()
            raise

    def _make_protocol(self) -> asyncio.Protocol:
        return HttpProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        drained = asyncio.ensure_future(self._drain())
        hurried = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait([drained, hurried], return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        drained.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drained
        await super().shutdown(sockets)


def _configure(settings: Settings, app: ASGIApp, gateway: GatewayApp | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=gateway.ws_protocol if gateway is not None else "none",
        ws_max_size=MAX_CLIENT_FRAME_BYTES,
        ws_per_message_deflate=False,  # 19 → 53–68 KiB a connection
        ws_ping_interval=None,  # the protocol has a heartbeat of its own
        ws_ping_timeout=None,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_REQUESTS_END_SECONDS,
    )


def _health(hub: Hub, draining: Callable[[], bool]) -> ASGIApp:
    """What a worker answers over HTTP; like every role it serves the document of the whole."""
    token = hub.settings.metrics_token
    operation = HealthRoutes(
        {"postgres": hub.db.ping, "redis": hub.redis.ping},
        draining=draining,
        metrics_token=token.get_secret_value() if token else None,
    ).routes()
    documentation = Documentation(
        lambda: [*api_routes(Api(hub)), *create_gateway(hub).routes, *operation], server_url=hub.settings.public_url
    )
    return WebApp([*operation, *documentation.routes()])


class _ByPath:
    """Api and gateway behind one port, each with the paths that the contract gives it."""

    def __init__(self, api: ApiApp, gateway: ASGIApp) -> None:
        self._api = api
        self._gateway = gateway
        self.shed = api.shed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        # The gateway's readiness knows of its subscriptions, beside what the api needs.
        ours = path in ("/v1/inbox", "/asyncapi.json", "/readyz") or path.startswith(("/v1/inbox/", "/widget/", "/l/"))
        await (self._gateway if ours else self._api)(scope, receive, send)


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
