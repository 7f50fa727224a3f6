"""The keys by which digests gather: small Liquid templates over a notification.

A key is rendered where a notification is dispatched, by whoever serves many projects: there are no ranges, no
partials, no filters that a key has no use for, and less of everything than a text may have (see hub.model.liquid).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from liquid.exceptions import LiquidError

from hub.model.liquid import BoundedEnvironment, BoundedTemplate, explain

MAX_KEY_BYTES = 1_000  # of UTF-8: beside a category's name it still fits an index row of Postgres (2,704 bytes)
MAX_LOOPS = 100  # iterations, of loops within loops multiplied; `tags` are 20 at most
MAX_NAMES_BYTES = 64 * 1024  # of what a template assigns and captures: an item's data is a quarter of it
MAX_WORK = 150_000  # an item's data several times through filters
KEPT_TEMPLATES = 1_000  # parsed; a few KiB each


class _KeyEnvironment(BoundedEnvironment):
    output_stream_limit = MAX_KEY_BYTES
    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_NAMES_BYTES
    work_limit = MAX_WORK
    left_out_tags = BoundedEnvironment.left_out_tags | {"render"}
    ranges = False


_KEYS = _KeyEnvironment()


def check_key(text: str) -> None:
    """Whether `text` is a template that `render_key` can render.

    Raises:
        ValueError: it is not; the message names the line and what is wrong there.
    """
    _parse(text)


def render_key(template: str, context: Mapping[str, object]) -> str:
    """The key of one notification: at most MAX_KEY_BYTES long, the same for the same arguments.

    What is missing in `context` is empty. Never raises: nobody is left to be told when a notification is dispatched, so
    what cannot be rendered (past a limit, a division by zero) has the key "", as where there is no template.

    Args:
        context: `data`, `category`, `actor`, `tenant`, `tags`, `thread_key`; plain JSON values.
    """
    try:
        return _parse(template).render(context)
    except Exception:  # of the library's filters over whatever callers put into `data`
        return ""


@lru_cache(KEPT_TEMPLATES)
def _parse(text: str) -> BoundedTemplate:
    try:
        return _KEYS.read(text)
    except LiquidError as error:
        raise ValueError(explain(error, text)) from None
