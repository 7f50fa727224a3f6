"""The OpenAPI document and the API agree: generated requests find nothing that the document does not promise."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.api_server import Caller

# What JSON Schema cannot say: 422 where fields contradict each other; 400 for U+0000 and for numbers over 64 bits.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404", "409", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "422"]
"""
SECONDS = 300


async def test_schemathesis_finds_nothing(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{call.url}/openapi.json",
        f"--header=Authorization: Bearer {call.key}",
        "--checks=all",
        "--phases=examples,coverage,fuzzing,stateful",
        "--max-examples=15",
        "--generation-deterministic",
        "--continue-on-failure",
        "--no-shrink",
        "--no-color",
        "--workers=1",
        cwd=tmp_path,
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
