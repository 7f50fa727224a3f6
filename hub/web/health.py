"""/healthz, /readyz and /metrics, the same in every role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from pydantic import with_config
from typing_extensions import TypedDict

from hub.exceptions import Unauthenticated
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

CHECK_SECONDS = 2.0  # load balancers ask every few seconds; a server that takes longer to answer is not there
RETRY_SECONDS = b"5"

Check = Callable[[], Awaitable[object]]


@with_config(title="Health")
class Health(TypedDict):
    status: str


@with_config(title="Readiness")
class Readiness(TypedDict):
    status: str
    checks: dict[str, str]


class HealthRoutes:
    """Routes of one process.

    Args:
        checks: What must answer before this process can serve, by name; each raises when it does not.
        draining: Whether the process is on its way out.
        metrics_token: Bearer token of /metrics; None: open.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        draining: Callable[[], bool] = lambda: False,
        metrics_token: str | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._checks = dict(checks)
        self._draining = draining
        self._metrics_token = metrics_token
        self._registry = registry

    def routes(self) -> list[Route]:
        alive = Reply("The process answers.", Schema(Health))
        ready = Reply("It can serve.", Schema(Readiness))
        unready = Reply("It drains, or a server it needs does not answer.", Schema(Readiness))
        metrics = Reply("Prometheus text format.", media_type="text/plain")
        return [
            Route("GET", "/healthz", self.healthz, "Whether the process lives", "operation", {200: alive}),
            Route("GET", "/readyz", self.readyz, "Whether it can serve", "operation", {200: ready, 503: unready}),
            Route("GET", "/metrics", self.metrics, "Metrics", "operation", {200: metrics}, errors=(401,)),
        ]

    async def healthz(self, _request: Request) -> Response:
        return json_response({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        if self._draining():
            return _unready("draining", {})
        outcomes = await asyncio.gather(*(_run(check) for check in self._checks.values()))
        checks = dict(zip(self._checks, outcomes, strict=True))
        if any(outcome != "ok" for outcome in outcomes):
            return _unready("unavailable", checks)
        return json_response({"status": "ok", "checks": checks})

    async def metrics(self, request: Request) -> Response:
        if self._metrics_token is not None:
            scheme, _, given = (request.header(b"authorization") or "").partition(" ")
            right = compare_digest(given.strip().encode("latin-1"), self._metrics_token.encode("utf-8"))
            if scheme.lower() != "bearer" or not right:
                raise Unauthenticated("Metrics need Authorization: Bearer with the value of HUB_METRICS_TOKEN.")
        return Response(200, generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST.encode("ascii"))


async def _run(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return "no answer in time"
    except Exception as error:
        return f"fails ({type(error).__name__})"
    return "ok"


def _unready(status: str, checks: Mapping[str, str]) -> Response:
    return json_response({"status": status, "checks": checks}, 503, headers=[(b"retry-after", RETRY_SECONDS)])
