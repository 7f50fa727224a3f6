"""The result file: one JSON document per run, and how two of them compare."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.figures import FIGURES, Figure
from benchmarks.plan import Plan
from benchmarks.stats import Spread, Verdict, change, judge, spread

if TYPE_CHECKING:
    from benchmarks.measure import Measurement  # which takes tools that comparing and computing do not

VERSION = 1  # of the file's shape; another one is not compared
ROOT = Path(__file__).resolve().parent
BASELINE = ROOT / "baseline.json"
RESULTS = ROOT / "results"
SAMPLES_KEPT = 200  # points of a distribution, enough for a plot


class ResultError(Exception):
    """A result file cannot be read; the message names it and says why."""


@dataclass(slots=True)
class Result:
    """Everything one run found."""

    plan: dict[str, Any]
    machine: dict[str, Any]
    commit: str
    at: str
    rounds: dict[str, list[float]] = field(default_factory=dict)  # figure → one value per round
    cpu: dict[str, dict[str, float]] = field(
        default_factory=dict
    )  # measurement → part → share of a core, of the last round
    notes: dict[str, dict[str, float]] = field(default_factory=dict)  # measurement → what → value, of the last round
    distributions: dict[str, list[float]] = field(default_factory=dict)  # its quantiles 0 … 1, evenly spaced
    accounts: dict[str, str] = field(default_factory=dict)  # "measurement, round n" → the account in words
    failed: list[str] = field(default_factory=list)  # why the run counts as failed

    def add(self, name: str, number: int, measured: Measurement) -> None:
        """Takes in one measurement of round `number`; a bad account makes the run a failed one."""
        for figure, value in measured.figures.items():
            self.rounds.setdefault(figure, []).append(value)
        self.cpu[name] = {part: round(used / measured.seconds, 4) for part, used in measured.cpu.items()}
        self.notes[name] = {what: round(value, 4) for what, value in measured.notes.items()}
        for what, samples in measured.samples.items():
            self.distributions[what] = quantiles(samples, SAMPLES_KEPT)
        if measured.account is not None:
            self.accounts[f"{name}, round {number}"] = str(measured.account)
            if not measured.account.good:
                self.failed.append(f"{name}, round {number}: {measured.account}")

    def spread(self, figure: str) -> Spread | None:
        values = self.rounds.get(figure)
        return spread(values) if values else None

    def dump(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"version": VERSION, **{name: getattr(self, name) for name in self.__slots__}}
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(document, indent=1) + "\n")
        temporary.replace(path)


def load(path: Path) -> Result:
    """Reads a result file.

    Raises:
        ResultError: it is not there, or not one of ours.
    """
    try:
        document = json.loads(path.read_text())
        if document.pop("version") != VERSION:
            raise ResultError(f"{path} has another version than {VERSION}: take a new one")
        return Result(**document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{path} is no result file: {error}") from None


def quantiles(samples: list[float], count: int) -> list[float]:
    """`count` + 1 values that cut the sorted samples into equal parts, from the smallest to the largest."""
    ordered = sorted(samples)
    return (
        [round(ordered[round(index * (len(ordered) - 1) / count)], 4) for index in range(count + 1)] if ordered else []
    )


def new_result(plan: Plan) -> Result:
    """An empty result of this machine, this commit and now."""
    return Result(plan.asdict(), machine(), commit(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def machine() -> dict[str, Any]:
    """What this run runs on."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")), "?")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "loop_ms": round(_loop_ms(), 2),
    }


def _loop_ms() -> float:
    """A fixed piece of Python work, best of five: how fast this machine is today."""
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        total = 0
        for number in range(200_000):
            total += number & 7
        best = min(best, perf_counter() - start)
    return best * 1e3


def commit() -> str:
    """The checked out commit, with a + where files were changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "?"  # a release without its history


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of a run beside the baseline's."""

    figure: Figure
    now: Spread
    base: Spread | None
    change: float | None  # share of the baseline's median
    verdict: Verdict | None


def same_sizes(now: Result, base: Result) -> bool:
    """Whether two runs measured the same, however often."""
    return now.plan | {"rounds": 0} == base.plan | {"rounds": 0}


def compare(now: Result, base: Result | None) -> list[Row]:
    """The figures that `now` has, in their usual order, each with the baseline's where that has it too."""
    rows = []
    for figure in FIGURES.values():
        here = now.spread(figure.name)
        if here is None:
            continue
        there = base.spread(figure.name) if base else None
        if there is None:
            rows.append(Row(figure, here, None, None, None))
        else:
            once = now.plan["rounds"] < 2  # a range of one value says nothing
            verdict = None if once else judge(here, there, figure.better, figure.tolerance)
            rows.append(Row(figure, here, there, change(here, there), verdict))
    return rows
