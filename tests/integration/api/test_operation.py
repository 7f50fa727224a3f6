"""Health, metrics, documentation, CORS: what every role answers beside its calls."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from hub.runtime import Hub
from tests.support.api_server import Caller, serve_api


async def test_health_and_readiness(hub: Hub, project_id: int) -> None:
    draining = False
    async with serve_api(hub, project_id, draining=lambda: draining) as (_, call):
        nobody = call.with_key(None)
        assert (await nobody("GET", "/healthz")).json == {"status": "ok"}
        ready = await nobody("GET", "/readyz")
        assert (ready.status, ready.json) == (200, {"status": "ok", "checks": {"postgres": "ok", "redis": "ok"}})
        draining = True
        drained = await nobody("GET", "/readyz")
        assert (drained.status, drained.json["status"]) == (503, "draining")
        assert int(drained.headers["Retry-After"]) > 0
        assert (await nobody("GET", "/healthz")).status == 200
        assert (await call("GET", "/v1/users")).status == 200


async def test_a_server_that_is_away_is_named_and_answers_are_503(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        assert (await call("GET", "/v1/users")).status == 200
        await hub.db.close()
        unready = await call("GET", "/readyz")
        assert unready.status == 503
        assert unready.json["checks"]["redis"] == "ok"
        assert unready.json["checks"]["postgres"].startswith("fails")
        answer = await call("GET", "/v1/users")
        assert (answer.status, answer.code) == (503, "database_unavailable")
        assert answer.headers["Retry-After"] == "1"


async def test_metrics_want_their_token_and_name_routes_not_people(hub: Hub, project_id: int) -> None:
    hub.settings.metrics_token = SecretStr("let me see")
    async with serve_api(hub, project_id) as (_, call):
        await call("PUT", "/v1/users/somebody-by-name", {})
        assert (await call("GET", "/metrics")).status == 401
        assert (await call("GET", "/metrics", headers={"Authorization": "Bearer let me"})).status == 401
        answer = await call("GET", "/metrics", headers={"Authorization": "Bearer let me see"})
        assert answer.status == 200
        assert 'hub_http_requests_total{method="PUT",route="/v1/users/{user}",status="200"}' in answer.raw.decode()
        assert b"somebody" not in answer.raw


async def test_the_reference_is_a_page_under_a_strict_policy(call: Caller) -> None:
    answer = await call("GET", "/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = answer.raw.decode("utf-8")
    assert "<script" not in page
    assert " style=" not in page
    assert "<style" not in page
    assert "//" not in page.replace("https://", "").replace("http://", "")
    document = (await call("GET", "/openapi.json")).json
    for item in document["paths"].values():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page
    style = await call("GET", "/docs/reference.css")
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"


async def test_request_ids_are_taken_over_when_they_are_sane(call: Caller) -> None:
    assert (await call("GET", "/v1/users", headers={"X-Request-Id": "a-b.1"})).headers["X-Request-Id"] == "a-b.1"
    for odd in ("", "x" * 129, "a b", '"<script>'):
        given = (await call("GET", "/v1/users", headers={"X-Request-Id": odd})).headers["X-Request-Id"]
        assert given != odd
        assert len(given) == 32


async def test_head_options_and_methods(call: Caller) -> None:
    head = await call("HEAD", "/v1/users")
    get = await call("GET", "/v1/users")
    assert (head.status, head.raw) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    options = await call("OPTIONS", "/v1/users/u")
    assert (options.status, options.headers["Allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT")


async def test_cors_is_for_allowed_origins(hub: Hub, project_id: int) -> None:
    hub.settings.allowed_origins = ("https://app.example.com",)
    async with serve_api(hub, project_id) as (_, call):
        asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT"}
        preflight = await call.with_key(None)("OPTIONS", "/v1/users/u", headers=asked)
        assert preflight.status == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
        assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
        answer = await call("GET", "/v1/users/nobody", headers={"Origin": "https://app.example.com"})
        assert answer.status == 404
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert answer.headers["Vary"] == "origin"
        foreign = await call("GET", "/v1/users", headers={"Origin": "https://evil.example.com"})
        assert "Access-Control-Allow-Origin" not in foreign.headers
        foreign = await call("OPTIONS", "/v1/users", headers={**asked, "Origin": "null"})
        assert "Access-Control-Allow-Methods" not in foreign.headers


async def test_a_body_that_never_comes_is_given_up(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.web.request.BODY_SECONDS", 0.2)
    host, port = call.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/notifications HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {call.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
    )
    async with asyncio.timeout(20):
        answer = await reader.read()  # to the end: the connection is closed
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer
    assert b"connection: close" in answer
