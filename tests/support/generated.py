"""What docs/ holds is made from code: `make docs-generate` writes it, `make check` compares.

python -m tests.support.generated [--check]
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from inspect import getdoc, getsource
from pathlib import Path
from typing import Any, cast

from gateway import session
from gateway.asyncapi import asyncapi_document
from gateway.server import create_gateway
from hub.api.app import ApiApp
from hub.bus.client import create_redis
from hub.config import load_settings
from hub.model import breaker, delivery
from hub.model.reason import Reason
from hub.runtime import Hub
from hub.store.database import Database

DOCS = Path(__file__).parents[2] / "docs"


async def documents() -> dict[Path, str]:
    """The text of every generated document by its path; nothing is connected for it."""
    settings = load_settings(
        database_url="postgresql://localhost/hub", redis_url="redis://localhost", secret="x" * 32, _env_file=None
    )
    hub = Hub(settings, Database(cast(Any, None)), create_redis("redis://localhost"), "documents")
    gateway = create_gateway(hub)
    try:
        api = ApiApp(hub, described=lambda: gateway.routes)
        return {
            DOCS / "openapi.json": _json(api.documentation.document),
            DOCS / "asyncapi.json": _json(asyncapi_document()),
            DOCS / "session-states.md": session_states(),
            DOCS / "delivery-states.md": delivery_states(),
            DOCS / "breaker-states.md": breaker_states(),
            DOCS / "reasons.md": reasons(),
        }
    finally:
        await gateway.close()


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def session_states() -> str:
    """The page about a session's states: its table of transitions as a diagram, and what states and events mean."""
    theory = getdoc(session) or ""
    reason = theory[theory.index("Why nothing is lost") :]
    introduction = (
        "One client's connection, WebSocket or event stream, as [gateway/session.py](../gateway/session.py) sees it. "
        "This page is made from that file by `make docs-generate`; [architecture](architecture.md#the-gateway) says "
        "what is around it."
    )
    lines = [
        *("# States of a session", "", introduction, ""),
        *_machine(session, first="HELLO", last=["CLOSED"]),
        _line(reason),
    ]
    return "\n".join(lines) + "\n"


def delivery_states() -> str:
    """The page about the life of a delivery."""
    theory = getdoc(delivery) or ""
    introduction = (
        "One person, one line of a ladder, as [hub/model/delivery.py](../hub/model/delivery.py) sees it. This page is "
        "made from that file by `make docs-generate`; [architecture](architecture.md#deliveries) says what is around "
        "it, [reasons](reasons.md) why each change happens."
    )
    first, _, rest = theory.partition("Theory. ")[2].partition("\n\n")
    lines = [
        *("# States of a delivery", "", introduction, "", _line(first), ""),
        *_machine(delivery, first="WAITING", last=sorted(state.name for state in delivery.FINAL)),
        _line(rest[rest.index("Every change") :].replace("TRANSITIONS", "the table above")),
    ]
    return "\n".join(lines) + "\n"


def breaker_states() -> str:
    """The page about a provider's circuit breaker."""
    theory = getdoc(breaker) or ""
    introduction = (
        "One provider of a channel, as [hub/model/breaker.py](../hub/model/breaker.py) sees it. This page is made from "
        "that file by `make docs-generate`; [architecture](architecture.md#deliveries) says what is around it."
    )
    first, _, rest = theory.partition("Theory. ")[2].partition("\n\n")
    numbers = re.findall(r"^([A-Z_]+) = ([\d.]+)  # (.+)$", getsource(breaker), re.MULTILINE)
    lines = [
        *("# States of a breaker", "", introduction, "", _line(first), ""),
        *_machine(breaker, first="CLOSED", last=[]),
        *("| number | | |", "|---|---|---|", *(f"| `{name}` | {value} | {why} |" for name, value, why in numbers), ""),
        _line(rest[rest.index("It trips") :]),
    ]
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """The page about the words that timelines, `explain` and deliveries give."""
    lines = [
        *("# Reasons", ""),
        (
            "Why a delivery waits, goes or does not go. Made from [hub/model/reason.py](../hub/model/reason.py) by "
            "`make docs-generate`."
        ),
        *("", "| reason | |", "|---|---|"),
        *(f"| `{reason.value}` | {reason.sentence} |" for reason in Reason),
    ]
    return "\n".join(lines) + "\n"


def _machine(module: Any, *, first: str, last: list[str]) -> list[str]:
    """A state machine's diagram and its tables: states are described in the module's docstring, events beside them."""
    states = dict(re.findall(r"^    ([A-Z_]+) +(.+(?:\n {6,}.+)*)$", getdoc(module) or "", re.MULTILINE))
    events = dict(re.findall(r"^    (\w+) = auto\(\)  # (.+)$", getsource(module.Event), re.MULTILINE))
    arrows = [
        f"    {state.name} --> {following.name}: {event.name}"
        for state, outgoing in module.TRANSITIONS.items()
        for event, following in outgoing.items()
    ]
    ends = [f"    {name} --> [*]" for name in last]
    return [
        *("```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *arrows, *ends, "```", ""),
        *("| state | |", "|---|---|", *(f"| `{s.name}` | {_line(states[s.name])} |" for s in module.State), ""),
        *("| event | |", "|---|---|", *(f"| `{e.name}` | {_line(events[e.name])} |" for e in module.Event), ""),
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in asyncio.run(documents()).items():
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
