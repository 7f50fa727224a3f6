"""The OpenAPI document and the API agree: generated requests find nothing that the document does not promise."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hub.runtime import Hub
from tests.support.api_server import Caller
from tests.support.gateway import publish, running_gateway, token

# What JSON Schema cannot say: 422 where fields contradict each other; 400 for U+0000 and for numbers over 64 bits.
CONFIG = """
hooks = "hub_hooks"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404", "409", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "422"]
"""
# A mail is bytes.
HOOKS = """
import schemathesis
schemathesis.serializer.alias("message/rfc822", "text/plain")
"""
SECONDS = 300


async def test_schemathesis_finds_nothing_in_the_api(call: Caller, tmp_path: Path) -> None:
    assert call.key is not None
    await run_schemathesis(tmp_path, f"{call.url}/openapi.json", call.key)


async def test_schemathesis_finds_nothing_in_the_gateway(hub: Hub, project_id: int, tmp_path: Path) -> None:
    hub.settings.client_rate_limit_per_second = 100_000
    await publish(hub, project_id, ["ada"])
    async with running_gateway(hub) as gateway:
        # A stream has no end, and a WebSocket no answer: their tests are in tests/integration/gateway.
        await run_schemathesis(
            tmp_path,
            f"{gateway.url}/openapi.json",
            token(hub, project_id),
            "--include-path-regex=^/(v1/inbox|widget)",
            "--exclude-path-regex=/(events|ws)$",
        )


async def run_schemathesis(folder: Path, url: str, credential: str, *selection: str) -> None:
    (folder / "schemathesis.toml").write_text(CONFIG)
    (folder / "hub_hooks.py").write_text(HOOKS)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        url,
        f"--header=Authorization: Bearer {credential}",
        *selection,
        "--checks=all",
        "--phases=examples,coverage,fuzzing,stateful",
        "--max-examples=5",
        "--generation-deterministic",
        "--continue-on-failure",
        "--no-shrink",
        "--no-color",
        "--workers=1",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode("utf-8", "replace")[-20_000:]
