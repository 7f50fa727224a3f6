"""What a run of `bench-peers` found: figures of every round, and ours as a share of each other's in the same round."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.results import commit, machine
from benchmarks.stats import Spread, spread

OURS = "hub"
FIGURES = {
    "fanout_1000": ("fan-out to 1,000, CPU s per 100,000", 3),
    "fanout_5000": ("fan-out to 5,000, CPU s per 100,000", 3),
    "unicast": ("unicast flat out, CPU s per 100,000", 3),
    "unicast_rate": ("unicast, deliveries/s", 0),
    "latency_p50": ("latency at 2,000/s, p50 ms", 2),
    "latency_p99": ("latency at 2,000/s, p99 ms", 2),
    "handshake_cpu": ("connecting, CPU ms", 3),
    "handshakes": ("connecting, 1/s", 0),
    "memory": ("idle connection, KiB", 1),
}


@dataclass(slots=True)
class Comparison:
    """One run."""

    rounds: int
    machine: dict[str, Any]
    commit: str
    at: str
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # contender → figure → value per round
    failed: list[str] = field(default_factory=list)

    def add(self, contender: str, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.figures.setdefault(contender, {}).setdefault(name, []).append(value)

    def spread(self, contender: str, figure: str) -> Spread | None:
        values = self.figures.get(contender, {}).get(figure)
        return spread(values) if values else None

    def ratio(self, contender: str, figure: str) -> Spread | None:
        """Ours as a share of theirs, round by round."""
        ours, theirs = (self.figures.get(name, {}).get(figure, []) for name in (OURS, contender))
        shares = [mine / other for mine, other in zip(ours, theirs, strict=False) if other]
        return spread(shares) if shares else None

    def table(self) -> str:
        """Markdown: medians with ranges, and the hub's share of each other's in brackets."""
        names = list(self.figures)
        lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for figure, (title, digits) in FIGURES.items():
            cells = [self._cell(name, figure, digits) for name in names]
            if any(cells):
                lines.append(f"| {title} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _cell(self, name: str, figure: str, digits: int) -> str:
        found = self.spread(name, figure)
        if found is None:
            return ""
        text = f"{found.median:,.{digits}f} ({found.low:,.{digits}f}–{found.high:,.{digits}f})"
        share = self.ratio(name, figure) if name != OURS else None
        return text if share is None else f"{text} **×{share.median:.2f}** ({share.low:.2f}–{share.high:.2f})"

    def dump(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {name: getattr(self, name) for name in self.__slots__}
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(document, indent=1) + "\n")
        temporary.replace(path)


def new_comparison(rounds: int) -> Comparison:
    """An empty one of this machine, this commit and now."""
    return Comparison(rounds, machine(), commit(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
