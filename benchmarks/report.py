"""The run in the terminal: what is going on, then one table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measurement
from benchmarks.results import Result, Row
from benchmarks.stats import Spread, Verdict

# Above this share of a core the load client may have held the hub up, and a rate is a lower bound.
BUSY_SHARE = 0.85

# Above this many cores for programs that are not ours, figures by the clock say more about those than about the hub.
DISTURBED_CORES = 0.3

VERDICTS = {Verdict.SAME: "same", Verdict.BETTER: "[green]better[/]", Verdict.WORSE: "[red]worse[/]"}


def _console(*, stderr: bool = False) -> Console:
    """A terminal as wide as it is; a file or a pipe as wide as the table."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=150)


class Progress:
    """Tells on stderr which step runs and for how long; a terminal sees the seconds tick."""

    def __init__(self) -> None:
        self._console = _console(stderr=True)
        self._started = perf_counter()

    def say(self, text: str) -> None:
        self._console.print(f"[dim]{perf_counter() - self._started:5.0f} s[/]  {text}")

    @asynccontextmanager
    async def step(self, text: str) -> AsyncIterator[None]:
        """Shows `text` while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(text) as status:

            async def tick() -> None:
                start = perf_counter()
                while True:
                    await asyncio.sleep(0.5)
                    status.update(f"{text}  {perf_counter() - start:.0f} s")

            ticking = asyncio.create_task(tick())
            try:
                yield
            finally:
                ticking.cancel()
                with suppress(asyncio.CancelledError):
                    await ticking

    def measured(self, label: str, measured: Measurement) -> None:
        figures = "  ".join(f"{name} [b]{value:,.3f}[/]" for name, value in measured.figures.items())
        bound = " [yellow](load client is busy: lower bound)[/]" if measured.load_client_share > BUSY_SHARE else ""
        self.say(f"{label:28} {figures}{bound}")
        if measured.account is not None:
            mark = "[green]✓[/]" if measured.account.good else "[red]✗[/]"
            self._console.print(f"{'':9}{mark} {measured.account}", style="dim" if measured.account.good else "red")


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _range(spread: Spread, digits: int) -> str:
    return f"{_number(spread.low, digits)} – {_number(spread.high, digits)}"


def show(result: Result, rows: list[Row], base: Result | None) -> None:
    """Prints the figures beside the baseline's, who spent the CPU, and what failed."""
    console = _console()
    machine = result.machine
    console.print(
        f"\n[b]{result.commit}[/] at {result.at}: {machine['cpu']}, {machine['cores']} cores, "
        f"Python {machine['python']}, loop {machine['loop_ms']} ms, {result.plan['rounds']} rounds"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("figure", "unit"):
        table.add_column(title)
    for title in ("median", "range", "baseline", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        figure, digits = row.figure, row.figure.digits
        table.add_row(
            figure.title,
            figure.unit,
            f"[b]{_number(row.now.median, digits)}[/]",
            _range(row.now, digits),
            _number(row.base.median, digits) if row.base else "",
            f"{row.change:+.1%}" if row.change is not None else "",
            VERDICTS[row.verdict] if row.verdict else "",
        )
    console.print(table)
    if base is not None:
        there = base.machine
        console.print(
            f"[dim]baseline: {base.commit} at {base.at}, {there['cpu']}, {there['cores']} cores, "
            f"loop {there['loop_ms']} ms; a change needs medians further apart than the figure's tolerance, "
            "and ranges that do not touch[/]"
        )
        if machine["cpu"] != there["cpu"] or machine["cores"] != there["cores"]:
            console.print("[yellow]The baseline is of another machine: compare shapes, not numbers.[/]")
    _show_cpu(console, result)
    for failure in result.failed:
        console.print(f"[red]FAILED[/] {failure}")


def disturbed(result: Result) -> bool:
    """Whether other programs kept the machine busy in the last round."""
    return any(used.get("others", 0) > DISTURBED_CORES for used in result.cpu.values())


def _show_cpu(console: Console, result: Result) -> None:
    parts = list(dict.fromkeys(part for used in result.cpu.values() for part in used))
    table = Table(
        title="share of a core, last round", title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    table.add_column("")
    for part in parts:
        table.add_column(part, justify="right")
    for name, used in result.cpu.items():
        cells = [f"{used.get(part, 0):.2f}" for part in parts]
        if used.get("load client", 0) > BUSY_SHARE:
            cells[parts.index("load client")] = f"[yellow]{used['load client']:.2f}[/]"
        table.add_row(name, *cells)
    console.print()
    console.print(table)
    console.print()
    if disturbed(result):
        console.print(
            f"[yellow]Other programs took more than {DISTURBED_CORES} cores: figures by the clock (latency, rates) are "
            "lower than this machine's, those in CPU seconds and memory hold.[/]"
        )
    for name, notes in result.notes.items():
        told = ", ".join(f"{what} {value:,.4g}" for what, value in notes.items())
        if told:
            console.print(f"[dim]{name}: {told}[/]")
