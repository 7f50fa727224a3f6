"""One run as one HTML file: inline SVG, no script, nothing fetched; readable in light and dark."""

from __future__ import annotations

from html import escape
from pathlib import Path

from benchmarks.results import Result, Row
from benchmarks.stats import Spread, Verdict

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #d5dae3; --paper: #fff; --now: #2f6fde;
  --base: #9aa4b5; --good: #16794c; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #98a2b3; --line: #344054; --paper: #12161d;
  --now: #6ea2ff; --base: #667085; --good: #4cc38a; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2.2rem; } p, footer { color: var(--soft); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.better { color: var(--good); } .worse, .failed { color: var(--bad); }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; } .axis { stroke: var(--line); }
.now { fill: var(--now); stroke: var(--now); } .base { fill: var(--base); stroke: var(--base); }
.curve { fill: none; stroke-width: 2; } .curve.now, .curve.base { fill: none; }
"""

PARTS = ("#2f6fde", "#e08a1e", "#8b5cf6", "#16a37a", "#d6457f", "#7a8699", "#c8ced8")


def write_page(path: Path, result: Result, rows: list[Row], base: Result | None) -> None:
    """Writes the page of `result`, with the baseline's figures and curve where there are some."""
    machine = result.machine
    facts = (
        f"{result.at} · {machine['cpu']}, {machine['cores']} cores · Python {machine['python']} · "
        f"{result.plan['rounds']} rounds, {result.plan['readers']} readers, {result.plan['connections']} connections"
    )
    sections = [
        f"<h1>Notification hub: {escape(result.commit)}</h1>",
        f"<p>{escape(facts)}</p>",
        *(f'<p class="failed">Failed: {escape(failure)}</p>' for failure in result.failed),
        "<h2>Figures</h2>",
        _table(rows),
    ]
    if curve := result.distributions.get("latency"):
        sections += ["<h2>Publish → screen</h2>", _latency(curve, base.distributions.get("latency") if base else None)]
    if result.cpu:
        sections += ["<h2>Where the CPU went, in cores</h2>", _cpu(result.cpu)]
    if base:
        sections.append(
            f"<footer>Blue is this run, grey the baseline {escape(base.commit)} of {escape(base.at)}.</footer>"
        )
    body = "\n".join(sections)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Benchmark {escape(result.commit)}</title>\n'
        f"<style>{STYLE}</style>\n{body}\n</html>\n",
        encoding="utf-8",
    )


def _table(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        figure = row.figure
        verdict = row.verdict.value if row.verdict else ""
        moved = f"{row.change:+.1%}" if row.change is not None else ""
        before = f"{row.base.median:,.{figure.digits}f}" if row.base else ""
        emphasis = f' class="n {verdict}"' if row.verdict in (Verdict.BETTER, Verdict.WORSE) else ' class="n"'
        cells.append(
            f"<tr><td>{escape(figure.title)}</td><td>{escape(figure.unit)}</td>"
            f'<td class="n"><b>{row.now.median:,.{figure.digits}f}</b></td><td style="width:30%">{_strip(row)}</td>'
            f'<td class="n">{before}</td><td{emphasis}>{moved}</td></tr>'
        )
    return (
        '<table><tr><th>figure</th><th>unit</th><th class="n">median</th><th>range, from 0</th>'
        '<th class="n">baseline</th><th class="n">change</th></tr>' + "".join(cells) + "</table>"
    )


def _strip(row: Row) -> str:
    """Both ranges on one axis that begins at 0, a dot at each median."""
    spreads = [("now", row.now, 7)] + ([("base", row.base, 17)] if row.base else [])
    top = max(spread.high for _, spread, _ in spreads) or 1.0

    def mark(kind: str, spread: Spread, y: int) -> str:
        x1, x2, dot = (4 + 192 * value / top for value in (spread.low, spread.high, spread.median))
        return (
            f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y}" y2="{y}" stroke-width="3"/>'
            f'<circle class="{kind}" cx="{dot:.1f}" cy="{y}" r="3.5"/>'
        )

    marks = "".join(mark(kind, spread, y) for kind, spread, y in spreads)
    axis = '<line class="axis" x1="4" x2="196" y1="22" y2="22"/>'
    return f'<svg viewBox="0 0 200 24" role="img" aria-label="range">{axis}{marks}</svg>'


def _latency(now: list[float], base: list[float] | None) -> str:
    """The distributions as curves: which share was on the screen within so many milliseconds, up to p99.5."""
    width, height, left, bottom = 720, 220, 44, 28
    curves = [("base", base)] if base else []
    curves.append(("now", now))
    top = max(curve[round((len(curve) - 1) * 0.995)] for _, curve in curves) * 1.05 or 1.0

    def points(curve: list[float]) -> str:
        steps = len(curve) - 1
        return " ".join(
            f"{left + (width - left) * value / top:.1f},{height - (height - 10) * index / steps:.1f}"
            for index, value in enumerate(curve)
            if value <= top
        )

    drawn = "".join(f'<polyline class="curve {kind}" points="{points(curve)}"/>' for kind, curve in curves)
    grid = "".join(
        f'<line class="axis" x1="{left}" x2="{width}" y1="{height - (height - 10) * share:.1f}" '
        f'y2="{height - (height - 10) * share:.1f}"/>'
        f'<text x="{left - 6}" y="{height - (height - 10) * share + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    ticks = "".join(
        f'<text x="{left + (width - left) * part / 6:.1f}" y="{height + 18}" text-anchor="middle">'
        f"{top * part / 6:.1f} ms</text>"
        for part in range(6)
    )
    box = f'viewBox="0 0 {width} {height + bottom}" role="img" aria-label="distribution of latency"'
    return f"<svg {box}>{grid}{ticks}{drawn}</svg>"


def _cpu(shares: dict[str, dict[str, float]]) -> str:
    """One stacked bar per measurement."""
    parts = list(dict.fromkeys(part for used in shares.values() for part in used))
    colours = dict(zip(parts, PARTS * (len(parts) // len(PARTS) + 1), strict=False))
    most = max(sum(used.values()) for used in shares.values()) or 1.0
    bars = []
    for row, (name, used) in enumerate(shares.items()):
        x, y = 130.0, 8 + row * 24
        bars.append(f'<text x="122" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        for part, share in used.items():
            wide = 590 * share / most
            bars.append(
                f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="16" fill="{colours[part]}">'
                f"<title>{escape(part)} {share:.2f}</title></rect>"
            )
            x += wide
    key_y = 8 + len(shares) * 24
    keys = "".join(
        f'<rect x="{130 + index * 85}" y="{key_y + 4}" width="10" height="10" fill="{colours[part]}"/>'
        f'<text x="{144 + index * 85}" y="{key_y + 13}">{escape(part)}</text>'
        for index, part in enumerate(parts)
    )
    return f'<svg viewBox="0 0 740 {key_y + 24}" role="img" aria-label="CPU by part">{"".join(bars)}{keys}</svg>'
