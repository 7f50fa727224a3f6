"""docker-compose.yml, Dockerfile and deploy/haproxy.cfg, as far as they can be held without a container engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from hub.config import Settings
from tests.support.fleet import PROXY_CONFIGURATION, haproxy_command
from tests.support.system import ROOT, clean_environment

OURS = ("api-1", "api-2", "gateway-1", "gateway-2", "worker", "migrate", "cli")
SERVING = ("proxy", "api-1", "api-2", "gateway-1", "gateway-2", "worker", "postgres", "valkey")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found = compose["services"]
    assert isinstance(found, dict)
    return found


def test_the_services_are_those_of_a_whole_hub(services: dict[str, Any]) -> None:
    assert set(services) == {*OURS, *SERVING}


@pytest.mark.parametrize("name", sorted({*OURS, *SERVING}))
def test_every_service_is_pinned_and_confined(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", service["image"]), "an image is pinned by version"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "restart" in service
    assert "privileged" not in service
    # Ours have the Dockerfile's USER.
    assert name in OURS or service["user"] not in ("root", "0", "0:0")
    assert {key for key in service if key == "ports"} == ({"ports"} if name == "proxy" else set())


@pytest.mark.parametrize("name", SERVING)
def test_whatever_serves_has_a_health_check_and_comes_back(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"]
    assert services[name]["restart"] == "unless-stopped"


def test_the_roles_are_told_apart_by_their_argument_and_ask_their_own_readiness(services: dict[str, Any]) -> None:
    for name in OURS[:5]:
        role, port = (
            name.partition("-")[0],
            {"api": "8000", "gateway": "8001", "worker": "8002"}[name.partition("-")[0]],
        )
        assert services[name]["command"] == [role, "--host", "0.0.0.0", "--port", port]
        assert f"127.0.0.1:{port}/readyz" in services[name]["healthcheck"]["test"][-1]


def test_nothing_starts_before_what_it_needs(services: dict[str, Any]) -> None:
    for name in OURS[:5]:
        needs = services[name]["depends_on"]
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert needs["postgres"] == needs["valkey"] == {"condition": "service_healthy"}


def test_secrets_have_no_defaults() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("HUB_SECRET", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"):
        references = re.findall(rf"(?<!\$)\$\{{{name}(.)(.)", text)
        assert references
        assert set(references) == {(":", "?")}, f"{name} must stop compose when it is not set"
    example = (ROOT / "deploy" / "env.example").read_text()
    for name in ("HUB_SECRET", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"):
        assert re.search(rf"^{name}=$", example, re.MULTILINE)


def test_every_variable_of_ours_is_one_that_the_hub_reads(services: dict[str, Any]) -> None:
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields} | {"HUB_URL", "HUB_API_KEY"}
    for name in OURS:
        assert {variable for variable in services[name]["environment"] if variable.startswith("HUB_")} <= known
    example = (ROOT / "deploy" / "env.example").read_text()
    assert set(re.findall(r"^(?:# )?(HUB_\w+)=", example, re.MULTILINE)) <= known


def test_drain_fits_into_the_grace_before_the_kill(services: dict[str, Any]) -> None:
    grace = int(services["gateway-1"]["stop_grace_period"].removesuffix("s"))
    assert grace >= Settings.model_fields["drain_seconds"].default + 10


def test_the_proxy_is_given_every_process_and_the_tested_configuration(services: dict[str, Any]) -> None:
    proxy = services["proxy"]
    for name in OURS[:4]:
        port = services[name]["command"][-1]
        assert proxy["environment"][f"PROXY_{name.upper().replace('-', '_')}"] == f"{name}:{port}"
    assert proxy["volumes"] == ["./deploy/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"]
    assert ROOT / "deploy" / "haproxy.cfg" == PROXY_CONFIGURATION


def check_configuration(**addresses: str) -> subprocess.CompletedProcess[str]:
    command = haproxy_command()
    assert command is not None, "apt-get install haproxy"
    return subprocess.run(
        [command, "-c", "-f", str(PROXY_CONFIGURATION)],
        env=clean_environment(**addresses),
        capture_output=True,
        text=True,
    )


def test_haproxy_accepts_the_configuration_without_a_warning() -> None:
    local = {f"PROXY_{role}_{n}": f"127.0.0.1:{9000 + n}" for role in ("API", "GATEWAY") for n in range(1, 5)}
    for addresses in (local, {name: value for name, value in local.items() if name.endswith("1")}):
        checked = check_configuration(PROXY_BIND="127.0.0.1:8080", **addresses)
        assert checked.returncode == 0, checked.stderr
        assert "WARNING" not in checked.stderr


def test_haproxy_starts_before_the_names_of_its_servers_resolve(services: dict[str, Any]) -> None:
    named = {name: str(value) for name, value in services["proxy"]["environment"].items()}
    assert check_configuration(**named).returncode == 0


def test_timeouts_leave_room_for_heartbeats_and_comments() -> None:
    text = PROXY_CONFIGURATION.read_text()
    seconds = {name: int(value) for name, value in re.findall(r"timeout (\S+) (\d+)s", text)}
    heartbeat = Settings.model_fields["heartbeat_seconds"].default
    assert seconds["tunnel"] > heartbeat + 10
    assert min(seconds["client"], seconds["server"]) >= 3 * 15, "an event stream says something every 15 s or so"


def instructions(path: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", path.read_text())
    return [
        (word, rest)
        for word, _, rest in (line.strip().partition(" ") for line in text.splitlines())
        if word and not word.startswith("#")
    ]


def test_the_image_is_staged_hashed_and_has_no_root() -> None:
    found = instructions(ROOT / "Dockerfile")
    stages = [rest for word, rest in found if word == "FROM"]
    assert len(stages) >= 3
    assert re.match(r"python:3\.\d+\.\d+-slim", stages[0])
    installs = [rest for word, rest in found if word == "RUN" and "pip install" in rest]
    assert installs
    assert all("--require-hashes" in rest or "--no-deps --no-index" in rest for rest in installs)
    users = [rest for word, rest in found if word == "USER"]
    assert users == ["10001:10001"]
    assert found[-2][0] == "ENTRYPOINT"


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in instructions(ROOT / "Dockerfile"):
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in kept, f"{source} is not let through by .dockerignore"


def test_the_operations_page_tells_every_setting_with_its_default() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for name, field in Settings.model_fields.items():
        variable = f"HUB_{name.upper()}"
        assert f"`{variable}`" in page, f"{variable} is not in docs/operations.md"
        row = re.search(rf"^\| `{variable}` \| (.*?) \|", page, re.MULTILINE)
        if row and isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert re.match(rf"`?{field.default:g}\b|`?{int(field.default)}\b", row[1]), f"{variable}: {row[1]}"
