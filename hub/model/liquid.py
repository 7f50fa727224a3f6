"""Liquid templates, as far as the hub takes them: the keys by which digests gather.

A key is rendered where a notification is dispatched, by whoever serves many projects, so what it may cost is bounded
whatever its author writes. python-liquid bounds output, loops and assigned names. That alone would leave ranges (for
`(1..n) contains "x"` it looks at every number), filters that multiply (`replace`, `join`), and the clock. So there are
no ranges, no partials, no filters that a key has no use for; and what goes through filters is added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext, Token
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.utils import ReadOnlyChainMap

MAX_KEY_BYTES = 1_000  # of UTF-8: beside a category's name it still fits an index row of Postgres (2,704 bytes)
MAX_LOOPS = 100  # iterations, of loops within loops multiplied; `tags` are 20 at most
MAX_NAMES_BYTES = 64 * 1024  # of what a template assigns and captures: an item's data is a quarter of it
MAX_WORK = 100_000  # characters that go through the filters of one rendering: an item's data several times
KEPT_TEMPLATES = 1_000  # parsed; a few KiB each

_LEFT_OUT = frozenset({"tablerow", "include", "render"})
_FILTERS = frozenset({
    "append", "capitalize", "downcase", "lstrip", "prepend", "remove", "remove_first", "remove_last", "replace",
    "replace_first", "replace_last", "rstrip", "slice", "split", "squish", "strip", "truncate", "truncatewords",
    "upcase", "abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "times",
    "compact", "first", "join", "last", "map", "reverse", "sort", "sort_natural", "sum", "uniq", "where",
    "default", "size",
})  # fmt: skip
_MULTIPLYING = frozenset({"replace", "join", "uniq"})  # `uniq` in time: it compares each with each


class _Context(RenderContext):
    """Adds up what goes through filters. Names are those of the data and the template: no `now`, no `today`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self._work = 0

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        return partial(self._measured, name, super().filter(name, token))

    def _measured(self, name: str, call: Callable[..., object], left: object, *args: object, **named: object) -> object:
        size, more = _size(left), sum(map(_size, args))
        if name in _MULTIPLYING:
            self._work += (size + 1) * (size if name == "uniq" else more + 1)
        else:
            self._work += size + more
        if self._work > MAX_WORK:
            raise ResourceLimitError(f"more than {MAX_WORK:,} characters go through filters", token=None)
        return call(left, *args, **named)


class _Template(BoundTemplate):
    context_class = _Context


class _KeyEnvironment(Environment):
    output_stream_limit = MAX_KEY_BYTES
    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_NAMES_BYTES
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name not in _LEFT_OUT}
        self.filters = {name: call for name, call in self.filters.items() if name in _FILTERS}


_KEYS = _KeyEnvironment()


def check_template(text: str) -> None:
    """Whether `text` is a template that `render_key` can render.

    Raises:
        ValueError: it is not; the message names the line and what is wrong there.
    """
    _parse(text)


def render_key(template: str, context: Mapping[str, object]) -> str:
    """The key of one notification: at most MAX_KEY_BYTES long, the same for the same arguments.

    What is missing in `context` is empty. Never raises: nobody is left to be told when a notification is dispatched, so
    what cannot be rendered (past a limit, a division by zero) has the key "", as where there is no template.

    `{{ data.post }}` takes 7 µs; an `if` and three filters 17 µs, and 116 µs more to parse the first time; the worst
    that was found within the limits (1,000 characters of `contains` in a loop) 90 ms (2026-11-25).

    Args:
        context: `data`, `category`, `actor`, `tenant`, `tags`, `thread_key`; plain JSON values.
    """
    try:
        return _parse(template).render(context)
    except Exception:  # of the library's filters over whatever callers put into `data`
        return ""


@lru_cache(KEPT_TEMPLATES)
def _parse(text: str) -> BoundTemplate:
    try:
        template = _KEYS.from_string(text)
        for expression in _expressions(template):
            if isinstance(expression, RangeLiteral):
                raise LiquidError("a key takes no ranges", token=expression.token)
            if isinstance(expression, FilteredExpression):
                for used in expression.filters or ():
                    used.validate_filter_arguments(_KEYS)
    except LiquidError as error:
        raise ValueError(_explain(error, text)) from None
    return template


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    """Every expression, each before its parts."""
    static = RenderContext(template)
    nodes = template.nodes[::-1]
    while nodes:
        node = nodes.pop()
        nodes += reversed(list(node.children(static, include_partials=False)))
        pending = list(node.expressions())
        while pending:
            expression = pending.pop()
            yield expression
            pending += expression.children()


def _explain(error: LiquidError, text: str) -> str:
    message = error.message or "is no Liquid template"
    known = error.token is not None and error.token.start_index >= 0
    if not known and "\n" in text:
        return str(message)  # the library does not say where an expression ends too soon
    line = text.count("\n", 0, error.token.start_index) + 1 if known and error.token else 1
    return f"line {line}: {message}"


def _size(value: object) -> int:
    """Of a value, about as long as it is when written."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(_size, value)) + len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values())) + sum(map(len, value))
    return value.bit_length() // 3 if isinstance(value, int) else 8
