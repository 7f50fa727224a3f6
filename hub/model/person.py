"""Who an inbox belongs to."""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """One user of one project. `person_id` is the compact key of every hot table; `user` is the caller's name."""

    person_id: int
    project_id: int
    user: str
