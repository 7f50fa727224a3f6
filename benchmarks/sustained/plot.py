"""A long run as one SVG: over time, what was accepted and refused, how late it was on the screen, and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

WIDTH, HEIGHT, LEFT, TOP = 760, 120, 56, 34
Row = Mapping[str, Any]


class Line(NamedTuple):
    name: str
    colour: str
    value: Callable[[Row], float | None]  # None: nothing in this window


def _p99(lane: str) -> Callable[[Row], float | None]:
    return lambda row: row[f"{lane}_ms"][1] if f"{lane}_ms" in row else None


def _mib(role: str) -> Callable[[Row], float | None]:
    return lambda row: row[role]["mib"]


PANELS = {
    "requests a second": (
        Line("accepted", "#2f6fde", lambda row: sum(row["accepted"].values())),
        Line("refused", "#c2410c", lambda row: sum(row["refused"].values())),
    ),
    "publish → screen, p99 of ten seconds, ms": (
        Line("critical", "#2f6fde", _p99("critical")),
        Line("normal", "#9aa4b5", _p99("normal")),
    ),
    "memory, MiB": (
        Line("api", "#2f6fde", _mib("api")),
        Line("gateway", "#0f766e", _mib("gateway")),
        Line("worker", "#9aa4b5", _mib("worker")),
    ),
}


def write_plot(path: Path, rows: Sequence[Row], window_seconds: float) -> None:
    """Every panel from 0. Where the phase changes there is an upright line with its name."""
    panels = [
        f'<g transform="translate(0 {index * (HEIGHT + TOP + 24)})">{_panel(title, lines, rows, window_seconds)}</g>'
        for index, (title, lines) in enumerate(PANELS.items())
    ]
    size = f"{WIDTH + LEFT + 24} {len(panels) * (HEIGHT + TOP + 24)}"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#475467">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n',
        encoding="utf-8",
    )


def _panel(title: str, lines: Sequence[Line], rows: Sequence[Row], window_seconds: float) -> str:
    values = {line.name: [line.value(row) for row in rows] for line in lines}
    top = max((value for of in values.values() for value in of if value is not None), default=0.0) or 1.0
    step = WIDTH / max(1, len(rows) - 1)
    parts = [f'<text x="8" y="18" font-weight="600" fill="#1d2430">{escape(title)}</text>']
    for share in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - share)
        parts.append(
            f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#e4e7ec"/>'
            f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{top * share:,.0f}</text>'
        )
    for place, line in enumerate(lines):
        parts.append(
            f'<text x="{LEFT + WIDTH}" y="18" dx="{-90 * (len(lines) - 1 - place)}" text-anchor="end" '
            f'fill="{line.colour}">{escape(line.name)}</text>'
        )
        runs: list[list[str]] = [[]]
        for index, value in enumerate(values[line.name]):
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{LEFT + index * step:.1f},{TOP + HEIGHT * (1 - value / top):.1f}")
        parts += [
            f'<polyline points="{" ".join(run)}" fill="none" stroke="{line.colour}" stroke-width="1.5"/>'
            for run in runs
            if run
        ]
    for index, (before, row) in enumerate(pairwise(rows), start=1):
        if before["phase"] != row["phase"]:
            x = LEFT + index * step
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="#98a2b3" '
                f'stroke-dasharray="3 3"/><text x="{x + 4:.1f}" y="{TOP + 10}">{escape(row["phase"])}</text>'
            )
    minutes = len(rows) * window_seconds / 60
    parts.append(f'<text x="{LEFT + WIDTH}" y="{TOP + HEIGHT + 14}" text-anchor="end">{minutes:,.0f} minutes</text>')
    return "".join(parts)
