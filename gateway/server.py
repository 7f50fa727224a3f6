"""The gateway role: everything it answers, and the order in which it starts and ends.

startup()  subscriptions, presence, comparison of heads
drain()    not ready → every client sent away, spread over the window → receipts written
close()    whatever is left
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from gateway.asyncapi import asyncapi_document
from gateway.guard import ClientTokenGuard
from gateway.links import TrackedLinks
from gateway.pages import LinkPages
from gateway.push import PushRoutes
from gateway.rest import InboxRoutes
from gateway.sse import EXCHANGE_KEY
from gateway.switchboard import Switchboard
from gateway.widget import Widget
from gateway.ws import WebSocket, protocol_class
from hub.api.app import api_routes
from hub.api.context import Api
from hub.api.outages import translate_outage
from hub.publish.engagement import Engagement
from hub.runtime import Hub
from hub.web.app import WebApp
from hub.web.asgi import Receive, Scope, Send
from hub.web.documentation import Documentation
from hub.web.health import HealthRoutes
from hub.web.metrics import observe_http
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route

STARTUP_SECONDS = 2.0  # for the first subscription; without Redis a gateway starts all the same, not ready


class GatewayApp:
    """An ASGI application, and the protocol class for uvicorn's `ws=`. One per process.

    Must be made in a running event loop. Owner: the process; every method may be called twice.

    Args:
        described: Routes of other roles for the OpenAPI document, asked when it is first read; the API's by default.
    """

    def __init__(self, hub: Hub, *, described: Callable[[], Iterable[Route]] | None = None) -> None:
        self.board = Switchboard(hub)
        self.engagement = Engagement(hub)
        self.ws_protocol: type[WebSocket] = protocol_class(self.board)
        settings = hub.settings
        token = settings.metrics_token
        health = HealthRoutes(
            {"postgres": hub.db.ping, "redis": hub.redis.ping, "subscription": self._subscribed},
            draining=lambda: self.board.draining,
            metrics_token=token.get_secret_value() if token else None,
        )
        guard = ClientTokenGuard(self.board, self.board.refusals)
        self.routes = [
            *InboxRoutes(self.board, guard).routes(),
            *PushRoutes(self.board, guard).routes(),
            *Widget().routes(),
            *LinkPages(hub).routes(),
            *TrackedLinks(hub, self.engagement).routes(),
        ]
        self._asyncapi = b""
        protocol = Route(
            "GET", "/asyncapi.json", self.get_asyncapi, "The client protocol as AsyncAPI", "operation",
            {200: Reply("AsyncAPI 3.")},
        )  # fmt: skip
        operation = [*health.routes(), protocol]
        others = described if described is not None else lambda: api_routes(Api(hub))
        documentation = Documentation(lambda: [*others(), *self.routes, *operation], server_url=settings.public_url)
        self.app = WebApp(
            [*self.routes, *operation, *documentation.routes()],
            origins=self.board.origins,
            translate=translate_outage,
            observe=observe_http,
            refusals=self.board.refusals,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `send` is a method of the exchange; ours (hub.web.http) say when they are lost, others do not.
        exchange = getattr(send, "__self__", None)
        scope[EXCHANGE_KEY] = exchange if hasattr(exchange, "when_lost") else None
        try:
            await self.app(scope, receive, send)
        finally:
            del scope[EXCHANGE_KEY]  # the exchange holds its scope: a cycle

    async def startup(self) -> None:
        """Subscribes. Redis may be away: then clients wait, and /readyz says so."""
        self.board.start()
        self.engagement.start()
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                await self.board.subscriber.wait_connected()
        except TimeoutError:
            pass

    async def drain(self) -> None:
        """Sends every client to another gateway. Whoever runs the server stops accepting first."""
        await self.board.drain()

    async def close(self) -> None:
        """Ends what is left."""
        await self.engagement.close()
        await self.board.close()

    async def _subscribed(self) -> None:
        if not self.board.subscriber.usable:
            raise ConnectionError

    async def get_asyncapi(self, _request: Request) -> Response:
        if not self._asyncapi:
            self._asyncapi = msgspec.json.encode(asyncapi_document())
        return Response(200, self._asyncapi)


def create_gateway(hub: Hub, *, described: Callable[[], Iterable[Route]] | None = None) -> GatewayApp:
    """The gateway role of an open runtime."""
    return GatewayApp(hub, described=described)
