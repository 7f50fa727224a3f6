"""Exit statuses and messages of every command: 0 done, 1 failed, 2 wrong usage, 3 unreachable."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.cli import _COMMANDS, DONE, FAILED, UNREACHABLE, USAGE, run
from hub.local.servers import Servers
from tests.support.ports import free_port

NOBODY = "u1"
CALLS = [
    ["send", NOBODY, "Hello"],
    ["listen", NOBODY],
    ["timeline", "01a1fc2f-dd47-7088-892d-9b1358c7485b"],
    ["explain", NOBODY, "Hello"],
    ["dead", "list"],
    ["dead", "replay", "--all"],
]
SERVED = [
    ["serve", "--port", "0"],
    ["api", "--port", "0"],
    ["gateway", "--port", "0"],
    ["worker", "--port", "0"],
    ["migrate"],
    ["project", "list"],
    ["project", "create", "p"],
    ["project", "show", "default"],
    ["project", "set", "default", "--timezone", "Europe/Berlin"],
    ["key", "create"],
    ["key", "list"],
    ["key", "revoke", "01a1fc2f-dd47-7088-892d-9b1358c7485b"],
    ["doctor"],
]


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings, an empty directory, and afterwards the logging there was: commands set up their own."""
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, servers: Servers, database_url: str) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_REDIS_URL", servers.redis_url)
    monkeypatch.setenv("HUB_SECRET", servers.secret)


def words(command: list[str]) -> str:
    return " ".join(command)


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_help_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == DONE
    text = capsys.readouterr().out
    assert f"Usage: hub {name}" in text
    if "COMMAND" not in text:
        assert "--json" in text
        return
    for sub in [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()]:
        assert run([name, sub, "--help"]) == DONE
        assert "--json" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == DONE
    output = capsys.readouterr().out
    assert all(f"\n  {name} " in output for name in _COMMANDS)
    assert run(["--version"]) == DONE


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["nothing"],
        ["--nothing"],
        ["send"],
        ["send", "u1"],
        ["send", "u1", "t", "extra"],
        ["send", "u1", "t", "--priority", "high"],
        ["send", "u1", "t", "--data", "[1]"],
        ["send", "u1", "t", "--data", "{"],
        ["listen"],
        ["listen", "u1", "--count", "0"],
        ["timeline"],
        ["explain", "u1"],
        ["dead"],
        ["dead", "list", "--limit", "0"],
        ["dead", "replay"],
        ["dead", "replay", "1", "--all"],
        ["dev", "--port", "70000"],
        ["serve", "--port", "x"],
        ["api", "--host"],
        ["migrate", "extra"],
        ["project"],
        ["project", "create"],
        ["project", "create", ""],
        ["project", "create", "a\x00b"],
        ["project", "create", "p", "--timezone", "Mars/Olympus"],
        ["project", "set", "default"],
        ["project", "set", "default", "--kid", "k"],
        ["project", "set", "default", "--add-public-key", "missing.pem"],
        ["key", "create", "--scopes", "everything"],
        ["key", "create", "--project", "dev"],
        ["key", "create", "--expires-in-days", "0"],
        ["key", "revoke", "hk_dev"],
        ["doctor", "--people", "0"],
    ],
    ids=words,
)
def test_wrong_usage(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == USAGE
    output = capsys.readouterr()
    assert output.out == "" or command == []
    assert "Traceback" not in output.err


@pytest.mark.parametrize("command", SERVED, ids=words)
def test_without_settings_the_first_missing_one_is_named(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == FAILED
    output = capsys.readouterr()
    assert "HUB_DATABASE_URL is not set. Example: HUB_DATABASE_URL=postgresql://" in output.err
    assert output.out == ""


@pytest.mark.parametrize("command", [command for command in SERVED if command != ["doctor"]], ids=words)
def test_a_database_that_does_not_answer(
    command: list[str], configured: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setenv("HUB_DATABASE_URL", f"postgresql://hub:hunter2@127.0.0.1:{port}/hub")
    assert run([*command, "--json"]) == UNREACHABLE
    output = capsys.readouterr()
    error = json.loads(output.err.splitlines()[-1])["error"]
    assert error["code"] == "unreachable"
    assert f"127.0.0.1:{port}" in error["message"]
    assert "hunter2" not in output.err + output.out


def test_doctor_says_which_server_does_not_answer(
    configured: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", f"postgresql://hub:hunter2@127.0.0.1:{free_port()}/hub")
    assert run(["doctor", "--json"]) == UNREACHABLE
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert {check["check"]: check["state"] for check in report["checks"]}["database"] == "unreachable"


@pytest.mark.parametrize("command", CALLS, ids=words)
def test_a_hub_that_does_not_answer(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("HUB_URL", url)
    assert run([*command, "--json"]) == UNREACHABLE
    output = capsys.readouterr()
    error = json.loads(output.err)["error"]
    assert error["code"] == "unreachable"
    assert url in error["message"]
    assert output.out == ""


@pytest.mark.parametrize("command", CALLS, ids=words)
def test_a_bad_hub_url_is_named(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_URL", "hub.example.com")
    assert run(command) == FAILED
    assert "HUB_URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["project", "show", "nothing"],
        ["project", "set", "nothing", "--timezone", "UTC"],
        ["project", "create", "default"],
        ["project", "create", "dev"],
        ["project", "set", "default", "--jwks-url", "http://keys.example.com"],
        ["key", "create", "--project", "nothing"],
        ["key", "list", "--project", "nothing"],
        ["key", "revoke", "01a1fc2f-dd47-7088-892d-9b1358c7485b"],
        ["doctor"],  # the servers of tests run without fsync
    ],
    ids=words,
)
def test_what_cannot_be_done_fails(command: list[str], configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == FAILED
    assert "Traceback" not in capsys.readouterr().err


def test_a_taken_port_is_one_sentence(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in ("serve", "api", "gateway", "worker", "dev"):
            assert run([command, "--port", str(port)]) == FAILED
            assert capsys.readouterr().err.splitlines()[-1].startswith(f"hub: Port {port} on 127.0.0.1 is taken")


def test_projects_and_keys_from_the_command_line(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    def result(*command: str) -> dict[str, object]:
        assert run([*command, "--json"]) == DONE
        answer: dict[str, object] = json.loads(capsys.readouterr().out)
        return answer

    assert result("migrate") == {"applied": []}
    assert result("project", "create", "staging", "--timezone", "Europe/Berlin")["name"] == "staging"
    items = result("project", "list")["items"]
    assert isinstance(items, list)
    assert [item["name"] for item in items] == ["default", "staging"]
    assert "signing_secret" not in result("project", "show", "staging")
    before = result("project", "show", "staging", "--secrets")["signing_secret"]
    assert isinstance(before, str)
    assert len(before) == 43
    result("project", "set", "staging", "--rotate-secret", "--timezone", "UTC")
    after = result("project", "show", "staging", "--secrets")
    assert after["signing_secret"] != before
    assert after["timezone"] == "UTC"

    made = result(
        "key", "create", "--project", "staging", "--scopes", "users:read,admin", "--categories", "a", "--name", "n"
    )
    assert isinstance(made["key"], str)
    assert made["key"].startswith("hk_")
    assert len(made["key"]) == 46
    assert (made["scopes"], made["categories"]) == (["users:read", "admin"], ["a"])
    assert run(["key", "list"]) == DONE
    shown = capsys.readouterr().out
    assert made["key"] not in shown
    assert made["key"][:8] in shown
    assert result("key", "revoke", str(made["id"])) == {"id": made["id"], "revoked": True}
    listed = result("key", "list", "--project", "staging")["items"]
    assert isinstance(listed, list)
    assert listed[0]["revoked_at"] is not None


def test_public_keys_are_added_replaced_and_removed(
    configured: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def pem(name: str) -> str:
        key = Ed25519PrivateKey.generate().public_key()
        (tmp_path / name).write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return name

    def keys(*command: str) -> object:
        assert run(["project", "set", "default", *command, "--json"]) == DONE
        return json.loads(capsys.readouterr().out)["public_keys"]

    first = {"kid": "one", "algorithm": "EdDSA"}
    assert keys("--add-public-key", pem("a.pem"), "--kid", "one") == [first]
    assert keys("--add-public-key", pem("b.pem"), "--kid", "one") == [first]
    assert keys("--add-public-key", pem("c.pem")) == [first, {"kid": None, "algorithm": "EdDSA"}]
    assert keys("--timezone", "UTC") == [first, {"kid": None, "algorithm": "EdDSA"}]
    assert keys("--remove-public-key", "one") == [{"kid": None, "algorithm": "EdDSA"}]
    assert keys("--clear-public-keys") == []
    (tmp_path / "private.pem").write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n")
    assert run(["project", "set", "default", "--add-public-key", "private.pem"]) == FAILED
    assert run(["project", "set", "default", "--remove-public-key", "one"]) == USAGE
    capsys.readouterr()


def test_an_unknown_variable_warns(
    configured: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_PUBLIK_URL", "https://hub.example.com")
    monkeypatch.setenv("HUB_DATABASE_URL", f"postgresql://hub@127.0.0.1:{free_port()}/hub")
    assert run(["worker", "--port", "0"]) == UNREACHABLE
    assert "HUB_PUBLIK_URL" in capsys.readouterr().err
