"""One line per record, and no secret in any."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog

from hub.telemetry import configure_logging, get_logger, log_context, redact

KEY = "hk_" + "Ab3-" * 10 + "xyz"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], _ = before
    root.setLevel(before[1])
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


SECRETS = [
    f"/v1/inbox/events?token={JWT}&since=3",
    "/v1/inbox/events?since=3&token=opaque-token-1",
    "/events?access_token=opaque-token-1#x",
    "next=%2Fevents%3Ftoken%3Dopaque-token-1",
    "Authorization: Bearer opaque-token-1",
    "authorization: bearer opaque-token-1",
    "Authorization: Basic opaque-token-1",
    "Authorization: opaque-token-1",
    r"{\"authorization\":\"Basic opaque-token-1\"}",
    "{'Authorization': 'Bearer opaque-token-1'}",
    '{"authorization":"Bearer opaque-token-1"}',
    "[(b'authorization', b'Bearer opaque-token-1')]",
    f"the key {KEY} was used",
    f"got {JWT}.",
    "postgresql://hub:opaque-token-1@db.example.com:5432/hub",
    "redis://:opaque-token-1@127.0.0.1:6379/0",
    "GET /l/u/opaque-token-1?x=1 HTTP/1.1",
    "https://hub.example.com/l/o/opaque-token-1.gif",
    "smtp://mailer:opaque-token-1@mail.example.com:587?starttls=true",
]
HIDDEN = ("opaque-token-1", KEY, JWT, JWT.split(".")[1])


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_hidden_and_the_rest_stays(text: str) -> None:
    redacted = redact(text)
    assert not any(secret in redacted for secret in HIDDEN)
    assert "[hidden]" in redacted
    for kept in ("since=3", "db.example.com:5432/hub", "127.0.0.1:6379/0", "mail.example.com:587?starttls=true"):
        assert (kept in text) == (kept in redacted)


@pytest.mark.parametrize(
    "text",
    ["hk_dev", "tokens: 3", "POST /v1/users/u1/tokens 201", "a token expired", "http://h:8000/x", "Bearer is it"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("text", SECRETS)
def test_no_way_into_a_record_lets_a_secret_out(form: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json" if form == "json" else "console")
    log = get_logger("hub.test")
    log.warning(text)
    log.warning("event", url=text, nested={"deep": [text]}, raw=text.encode())
    logging.getLogger("uvicorn.error").warning('%s - "WebSocket %s" [accepted]', "127.0.0.1", text)
    with log_context(path=text):
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("failed")
            logging.getLogger("asyncio").exception("failed")
    output = capsys.readouterr().err
    assert output.count("failed") == 2
    assert not any(secret in output for secret in HIDDEN)
    if form == "json":
        assert len([json.loads(line) for line in output.splitlines()]) == 5


@pytest.mark.parametrize("name", ["token", "password", "secret", "Authorization", "signing_secret", "cookie"])
def test_a_field_with_a_telling_name_is_hidden(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    get_logger("hub.test").info("event", **{name: "plain"}, headers={name: "plain"}, scope=[(name.encode(), b"plain")])
    record = json.loads(capsys.readouterr().err)
    assert record[name] == "[hidden]"
    assert record["headers"] == {name: "[hidden]"}
    assert record["scope"] == [[name, "[hidden]"]]


def test_a_record_about_a_notification_carries_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", role="api")
    notification = UUID("01a1fc2f-dd47-7088-892d-9b1358c7485b")
    get_logger("hub.test").info("accepted", notification=notification, recipients=3)
    record = json.loads(capsys.readouterr().err)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "accepted",
        "level": "info",
        "logger": "hub.test",
        "role": "api",
        "notification": str(notification),
        "recipients": 3,
    }


def test_records_of_libraries_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", role="api")
    with log_context(request_id="r1"):
        logging.getLogger("aiohttp.client").error("lost %s", "connection")
    record = json.loads(capsys.readouterr().err)
    assert (record["event"], record["level"], record["logger"]) == ("lost connection", "error", "aiohttp.client")
    assert (record["role"], record["request_id"]) == ("api", "r1")


def test_what_uvicorn_says_of_every_connection_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("console")
    logging.getLogger("uvicorn.error").info("connection open")
    get_logger("hub.test").debug("detail")
    assert capsys.readouterr().err == ""


def test_configuring_twice_does_not_say_everything_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    configure_logging("console")
    logging.getLogger("x").warning("once")
    get_logger("x").warning("once")
    assert capsys.readouterr().err.count("once") == 2
