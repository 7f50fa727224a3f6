"""The rules that a process works by: kept for a moment while publishing, read anew right before sending.

A publish may follow rules that are RULES_SECONDS old; nothing outside the app is sent by them, for workers read the
store again right before (`read_now`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from hub.model.policy import OUTSIDE_CHANNELS, for_test
from hub.model.routing import Rules
from hub.store.database import Connection
from hub.store.rules import Configured, RulesKey, read_rules

RULES_SECONDS = 1.0  # how long a changed category or default may still count as it was
MAX_ENTRIES = 10_000
_IN_SANDBOX = frozenset(OUTSIDE_CHANNELS)


class Rulebook:
    """Owned by the runtime. `get` reads on the caller's connection, so that it never waits for a second one."""

    def __init__(self, providers: frozenset[str] = frozenset(), *, clock: Callable[[], float] = time.monotonic) -> None:
        """`providers`: channels outside the app that can be sent by, in every project that is no sandbox."""
        self._providers = providers
        self._clock = clock
        self._entries: dict[RulesKey, tuple[float, Configured]] = {}

    def rules(self, configured: Configured, *, sandbox: bool, test: str | None = None) -> Rules:
        """What holds for a notification; `sandbox` when it asks for it, beside projects that are sandboxes altogether.

        The sandbox is a provider of every channel and reaches everybody.

        Args:
            test: The channel of a test of a template.
        """
        trying = sandbox or configured.sandbox
        return Rules(
            configured.policy if test is None else for_test(configured.policy, test),
            configured.tenant,
            configured.project,
            configured.zone,
            configured.cap,
            _IN_SANDBOX if trying else self._providers,
            trying,
        )

    async def get(self, conn: Connection, keys: Iterable[RulesKey]) -> dict[RulesKey, Configured]:
        """What is configured for each key, at most RULES_SECONDS old; of a project that is gone there is none."""
        now = self._clock()
        found: dict[RulesKey, Configured] = {}
        missing: list[RulesKey] = []
        for key in set(keys):
            entry = self._entries.get(key)
            if entry is not None and entry[0] > now:
                found[key] = entry[1]
            else:
                missing.append(key)
        if missing:
            read = await read_rules(conn, missing)
            if len(self._entries) + len(read) > MAX_ENTRIES:
                self._entries.clear()
            self._entries.update((key, (now + RULES_SECONDS, configured)) for key, configured in read.items())
            found.update(read)
        return found

    def forget(self) -> None:
        """Drops everything: something was configured in this process."""
        self._entries.clear()
