"""The API role: all resources behind one ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hub.api.cancelling import Cancelling
from hub.api.categories import Categories
from hub.api.context import Api
from hub.api.dead_letters import DeadLetters
from hub.api.deliveries import Deliveries
from hub.api.engagement import Engagements
from hub.api.explain import Explanations
from hub.api.inbound import Inbound
from hub.api.inboxes import Inboxes
from hub.api.notifications import Notifications
from hub.api.outages import translate_outage
from hub.api.preferences import Preferences
from hub.api.push_subscriptions import PushSubscriptions
from hub.api.sandbox import SandboxMessages
from hub.api.shedding import Shedding
from hub.api.suppressions import Suppressions
from hub.api.templates import Templates
from hub.api.timeline import Timelines
from hub.api.tokens import Tokens
from hub.api.topics import Topics
from hub.api.users import Users
from hub.api.webhooks import Webhooks
from hub.runtime import Hub
from hub.web.app import WebApp
from hub.web.asgi import Receive, Scope, Send
from hub.web.documentation import Documentation
from hub.web.health import HealthRoutes
from hub.web.metrics import observe_http
from hub.web.origins import Origins
from hub.web.routing import Route


def api_routes(api: Api) -> list[Route]:
    """Every call of the API for backends; the gateway needs them to describe the whole in its /openapi.json."""
    return [
        *Notifications(api).routes(),
        *Cancelling(api).routes(),
        *Explanations(api).routes(),
        *Deliveries(api).routes(),
        *DeadLetters(api).routes(),
        *Engagements(api).routes(),
        *SandboxMessages(api).routes(),
        *Timelines(api).routes(),
        *Users(api).routes(),
        *Tokens(api).routes(),
        *Inboxes(api).routes(),
        *PushSubscriptions(api).routes(),
        *Categories(api).routes(),
        *Preferences(api).routes(),
        *Topics(api).routes(),
        *Webhooks(api).routes(),
        *Templates(api).routes(),
        *Suppressions(api).routes(),
        *Inbound(api).routes(),
    ]


class ApiApp:
    """An ASGI application. Owner: the process; `drain()` ends streams, `close()` may be called twice.

    Args:
        described: Routes of other roles that the OpenAPI document covers too; asked when it is first read.
        draining: Whether the process is on its way out.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        described: Callable[[], Iterable[Route]] = tuple,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._api = Api(hub)
        self.routes = api_routes(self._api)
        token = hub.settings.metrics_token
        health = HealthRoutes(
            {"postgres": hub.db.ping, "redis": hub.redis.ping},
            draining=lambda: draining() or self._api.draining.is_set(),
            metrics_token=token.get_secret_value() if token else None,
        )
        operation = health.routes()
        documentation = Documentation(
            lambda: [*self.routes, *described(), *operation], server_url=hub.settings.public_url
        )
        self.documentation = documentation
        self.app = WebApp(
            [*self.routes, *operation, *documentation.routes()],
            origins=Origins(hub.settings.allowed_origins, hub.settings.public_url),
            translate=translate_outage,
            observe=observe_http,
            refusals=self._api.refusals,
        )

        self.shed = Shedding(self._api, self.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def drain(self) -> None:
        """Not ready any more; live streams end, so that the server need not cut them."""
        self._api.draining.set()

    async def close(self) -> None:
        await self._api.close()


def create_api(hub: Hub, **options: Any) -> ApiApp:
    """The API role of an open runtime; `options` are ApiApp's."""
    return ApiApp(hub, **options)
