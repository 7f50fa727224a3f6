"""What is counted of HTTP: by route, never by path, so that names of people do not become labels."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Histogram

REQUESTS = Counter("hub_http_requests_total", "HTTP answers", ["method", "route", "status"])
SECONDS = Histogram(
    "hub_http_request_seconds",
    "From the first byte of a request to its answer; streams until they end",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_http(method: str, route: str, status: int, seconds: float) -> None:
    """Counts one answer; see `hub.web.app.Observe`."""
    count, duration = _series(method if method in _METHODS else "other", route, status)  # clients may send anything
    count.inc()
    duration.observe(seconds)


@cache  # as many as there are series; finding one by its labels takes longer than counting
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)
