"""The comparison as one SVG: a row of bars for each figure, the range of all rounds as a line over its median."""

from __future__ import annotations

from html import escape
from pathlib import Path

from benchmarks.peers.comparison import FIGURES, OURS, Comparison

COLUMN, ROW, LEFT, WIDE = 380, 18, 92, 200
COLUMNS = 2


def write_plot(path: Path, found: Comparison) -> None:
    """Bars from 0, so that their lengths are what they say."""
    names = list(found.figures)
    shown = [figure for figure in FIGURES if any(found.spread(name, figure) for name in names)]
    height = ROW * len(names) + 44
    panels = [
        f'<g transform="translate({index % COLUMNS * COLUMN} {index // COLUMNS * height})">'
        f"{_panel(found, figure, names)}</g>"
        for index, figure in enumerate(shown)
    ]
    rows = -(-len(shown) // COLUMNS)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMN * COLUMNS} {height * rows}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#475467">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n',
        encoding="utf-8",
    )


def _panel(found: Comparison, figure: str, names: list[str]) -> str:
    title, digits = FIGURES[figure]
    spreads = [(name, found.spread(name, figure)) for name in names]
    top = max(spread.high for _, spread in spreads if spread is not None) or 1.0
    parts = [f'<text x="8" y="20" font-weight="600" fill="#1d2430">{escape(title)}</text>']
    for row, (name, spread) in enumerate(spreads):
        y = 32 + row * ROW
        parts.append(f'<text x="{LEFT - 6}" y="{y + 10}" text-anchor="end">{escape(name)}</text>')
        if spread is None:
            continue
        low, middle, high = (WIDE * value / top for value in (spread.low, spread.median, spread.high))
        colour = "#2f6fde" if name.startswith(OURS) else "#9aa4b5"
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{middle:.1f}" height="12" fill="{colour}"/>'
            f'<line x1="{LEFT + low:.1f}" x2="{LEFT + high:.1f}" y1="{y + 6}" y2="{y + 6}" stroke="#1d2430"/>'
            f'<text x="{LEFT + high + 6:.1f}" y="{y + 10}">{spread.median:,.{digits}f}</text>'
        )
    return "".join(parts)
