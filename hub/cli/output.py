"""What commands print: text for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click
import msgspec

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Gives a command `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show(data: object, text: str, *, as_json: bool) -> None:
    """Print a result: `data` as one line of JSON, or `text`."""
    print_line(msgspec.json.encode(data).decode() if as_json else text)


class OutputClosed(Exception):
    """Whoever read our output has gone (`hub … | head`): there is nobody to go on for."""


def print_line(text: str) -> None:
    """To standard output, at once: others may be reading a pipe. Raises OutputClosed."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def note(text: str) -> None:
    """For the person at the terminal, beside the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def complain(message: str, *, code: str, as_json: bool) -> None:
    """Say on standard error why a command failed."""
    note(msgspec.json.encode({"error": {"code": code, "message": message}}).decode() if as_json else f"hub: {message}")


def printable(value: object) -> str:
    """One line without control characters: what others wrote must not steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Aligned columns under their names; lists by comma, null as `-`."""
    lines = [[column.upper().replace("_", " ") for column in columns]]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(printable(part) for part in value) or "-"
    return printable(value)
