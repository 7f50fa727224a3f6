"""Named SQL: every statement lives in `hub/store/sql/<noun>.sql` under a `-- name: …` line.

Lines from one name to the next are one statement; a name is used once per file.

A value that stands in a statement as `(SELECT $1)` is hidden from the planner. Postgres keeps a plan only where it
looks no dearer than those made for the values: of an array it counts on ten elements then, so that what is asked about
one person was planned anew each time, which took half of its CPU at 200 publishes a second (November 2026).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z_]+)\s*$", re.MULTILINE)
_FOLDER = Path(__file__).with_name("sql")


@cache
def load(noun: str) -> dict[str, str]:
    """The statements of `hub/store/sql/{noun}.sql` by name; raises FileNotFoundError or ValueError (a doubled name)."""
    parts = _NAME.split((_FOLDER / f"{noun}.sql").read_text("utf-8"))
    names = parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{noun}.sql names a statement twice")
    return {name: text.strip() for name, text in zip(names, parts[2::2], strict=True)}
