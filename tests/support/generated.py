"""What docs/ holds is made from code: `make docs-generate` writes it, `make check` compares.

python -m tests.support.generated [--check]
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, cast

from gateway.asyncapi import asyncapi_document
from gateway.server import create_gateway
from hub.api.app import ApiApp
from hub.bus.client import create_redis
from hub.config import load_settings
from hub.runtime import Hub
from hub.store.database import Database

DOCS = Path(__file__).parents[2] / "docs"


async def documents() -> dict[Path, Any]:
    """Every generated document by its path; nothing is connected for it."""
    settings = load_settings(
        database_url="postgresql://localhost/hub", redis_url="redis://localhost", secret="x" * 32, _env_file=None
    )
    hub = Hub(settings, Database(cast(Any, None)), create_redis("redis://localhost"), "documents")
    gateway = create_gateway(hub)
    try:
        api = ApiApp(hub, described=lambda: gateway.routes)
        return {DOCS / "openapi.json": api.documentation.document, DOCS / "asyncapi.json": asyncapi_document()}
    finally:
        await gateway.close()


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path, document in asyncio.run(documents()).items():
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, "utf-8")
    if stale and check:
        print(f"docs/ is not what the code says: {', '.join(stale)}. Run: make docs-generate", file=sys.stderr)
        return 1
    for name in stale:
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
