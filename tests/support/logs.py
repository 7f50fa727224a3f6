"""What was logged, for tests that assert on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.testing import capture_logs


@contextmanager
def captured_logs(level: int = logging.WARNING) -> Iterator[list[MutableMapping[str, Any]]]:
    """Records of at least that level, in the order they were made; nothing is printed meanwhile."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    try:
        with capture_logs() as records:
            yield records
    finally:
        structlog.configure(wrapper_class=before)
