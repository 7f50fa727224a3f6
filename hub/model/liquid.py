"""Liquid, bounded: what every template costs at most, whoever wrote it and whatever it is given.

python-liquid bounds the output, the iterations of loops within loops, and assigned names. That alone leaves loops one
after the other, filters that multiply (`replace`, `join`), comparisons of long lists, ranges, and the clock. So a
rendering has a budget of work, from which everything takes that a template can repeat:

| what                                     | takes                                                        |
|------------------------------------------|--------------------------------------------------------------|
| a template, partial, or turn of a loop   | STEP for each node and expression in it, rendered or not     |
| a filter                                 | the size of what goes through it; of those that multiply,    |
|                                          | the product                                                  |
| a comparison                             | the size of both sides                                       |
| a variable                               | a quarter of a text, STEP for each entry of a list           |

One unit is about a character that goes through a filter (some 30 ns), a STEP about half a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, TextIO

from liquid import BoundTemplate, Environment, Markup, RenderContext, Token
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions import logical as comparisons
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.case_tag import _AnyExpression
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.render_tag import RenderNode
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.token import TOKEN_CONTENT
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from hub.model.liquid_source import SourceError, tags

STEP = 10  # units of work
MAX_NODES = 10_000  # nodes and expressions of one text
_MULTIPLYING = frozenset({"replace", "join", "uniq"})  # `uniq` in time: it compares each with each
_COMPARING = (
    comparisons.EqExpression, comparisons.NeExpression, comparisons.LeExpression, comparisons.GeExpression,
    comparisons.LtExpression, comparisons.GtExpression, comparisons.ContainsExpression,
)  # fmt: skip

TEXT_FILTERS = frozenset({
    "append", "capitalize", "downcase", "lstrip", "prepend", "remove", "remove_first", "remove_last", "replace",
    "replace_first", "replace_last", "rstrip", "slice", "split", "squish", "strip", "truncate", "truncatewords",
    "upcase", "abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "times",
    "compact", "first", "join", "last", "map", "reverse", "sort", "sort_natural", "sum", "uniq", "where",
    "default", "size",
})  # fmt: skip
"""Of the library's: none that reads the clock, makes HTML of a text, or marks one as HTML."""


class _Budget:
    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class BoundedContext(RenderContext):
    """Takes from the budget. Names are those of the data and the template: no `now`, no `today`."""

    def __init__(self, *args: Any, parent_context: BoundedContext | None = None, **kwargs: Any) -> None:
        super().__init__(*args, parent_context=parent_context, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.budget: _Budget = _Budget(self.env.work_limit) if parent_context is None else parent_context.budget  # type: ignore[attr-defined]

    def charge(self, work: int) -> None:
        self.budget.left -= work
        if self.budget.left < 0:
            raise ResourceLimitError("takes more work than a template may", token=None)

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        value = super().get(path, token=token, default=default)
        kind = type(value)
        if kind is str:
            self.charge(len(value) >> 2)  # type: ignore[arg-type]
        elif kind is list or kind is dict:
            self.charge(STEP * len(value))  # type: ignore[arg-type]
        return value

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        return partial(self._measured, name, super().filter(name, token))

    def _measured(self, name: str, call: Callable[..., object], left: object, *args: object, **named: object) -> object:
        if self.autoescape and name != "default":
            # What was captured is HTML as it stands; through a filter it becomes a text, and is escaped like any other.
            left, args = _plain(left), tuple(map(_plain, args))
        size, more = size_of(left), sum(map(size_of, args))
        if name in _MULTIPLYING:
            self.charge((size + 1) * (size if name == "uniq" else more + 1))
        else:
            self.charge(STEP + size + more)
        return call(left, *args, **named)


class BoundedTemplate(BoundTemplate):
    """A parsed text. `weight`: nodes and expressions in it."""

    context_class = BoundedContext
    weight = 0

    def render_with_context(self, context: RenderContext, buffer: TextIO, *args: Any, **kwargs: Any) -> None:
        assert isinstance(context, BoundedContext)
        context.charge(STEP * self.weight)
        try:
            super().render_with_context(context, buffer, *args, **kwargs)
        except LiquidError as error:
            error.template_name = error.template_name or self.name  # of the innermost: where the line is
            raise


class BoundedEnvironment(Environment):
    """Environments with limits; subclasses say which, and which filters there are."""

    work_limit: ClassVar[int]
    allowed_filters: ClassVar[frozenset[str]] = TEXT_FILTERS
    left_out_tags: ClassVar[frozenset[str]] = frozenset({"tablerow", "include"})
    ranges: ClassVar[bool] = True
    template_class = BoundedTemplate

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name not in self.left_out_tags}
        self.filters = {name: call for name, call in self.filters.items() if name in self.allowed_filters}

    def read(self, text: str, name: str = "") -> BoundedTemplate:
        """A text as a template, with its bounds built in.

        Raises:
            LiquidError: it is none; `explain` says where.
        """
        try:
            for _ in tags(text):
                pass
        except SourceError as error:
            raise LiquidError(error.detail, token=Token(TOKEN_CONTENT, "", error.place, text)) from None
        template = self.from_string(text, name=name)
        assert isinstance(template, BoundedTemplate)
        template.weight = self._bind(template, template.nodes)
        return template

    def _bind(self, template: BoundTemplate, nodes: list[Node]) -> int:
        """Builds the budget into loops and comparisons; the weight of these nodes.

        A node is weighed before it is changed, so that a loop's body counts with what is in it.
        """
        static = RenderContext(template)
        weight = 0
        for node in _descendants(nodes, static):
            weight += 1 + sum(self._check(expression) for expression in _expressions(node))
            if weight > MAX_NODES:
                raise LiquidError(f"has more than {MAX_NODES:,} tags, texts and expressions", token=None)
            if isinstance(node, RenderNode) and not isinstance(node.name, StringLiteral):
                raise LiquidError("render takes the name of a partial in quotes", token=node.token)
        for node in _descendants(nodes, static):
            if isinstance(node, ForNode) and not isinstance(node.block, _Body):
                node.block = _Body(node.block, self._weigh(node.block, static))
        return weight

    @staticmethod
    def _weigh(block: Node, static: RenderContext) -> int:
        return sum(1 + sum(1 for _ in _expressions(node)) for node in _descendants([block], static))

    def _check(self, expression: Expression) -> int:
        """What an expression weighs; one that is compared or counts up is bound to the budget."""
        if isinstance(expression, FilteredExpression):
            for used in expression.filters or ():
                used.validate_filter_arguments(self)
        elif isinstance(expression, RangeLiteral):
            if not self.ranges:
                raise LiquidError("a key takes no ranges", token=expression.token)
            expression.__class__ = _Range
        elif isinstance(expression, _COMPARING) and not isinstance(expression.left, _Weighed):
            expression.left, expression.right = _Weighed(expression.left), _Weighed(expression.right)
        elif isinstance(expression, _AnyExpression) and not isinstance(expression.left, _Weighed):
            expression.left = _Weighed(expression.left)
            expression.expressions = [_Weighed(one) for one in expression.expressions]
        elif isinstance(expression, StringLiteral):
            return 1 + len(expression.value) // 100
        return 1


class _Body(BlockNode):
    """The body of a loop."""

    __slots__ = ("weight",)

    def __init__(self, block: BlockNode, weight: int) -> None:
        super().__init__(block.token, block.nodes)
        self.blank = block.blank
        self.weight = STEP * weight

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, BoundedContext)
        context.charge(self.weight)
        return super().render_to_output(context, buffer)


class _Range(RangeLiteral):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        found = super().evaluate(context)
        limit = context.env.loop_iteration_limit
        if limit is not None and found.stop - found.start > limit:
            raise ResourceLimitError(f"a range counts at most {limit:,}", token=self.token)
        return found


class _Weighed(Expression):
    """One side of a comparison."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression) -> None:
        super().__init__(inner.token)
        self.inner = inner

    def __str__(self) -> str:
        return str(self.inner)

    def evaluate(self, context: RenderContext) -> object:
        assert isinstance(context, BoundedContext)
        value = self.inner.evaluate(context)
        context.charge(size_of(value))
        return value

    def children(self) -> list[Expression]:
        return [self.inner]


def _descendants(nodes: list[Node], static: RenderContext) -> Iterator[Node]:
    """Every node, each before its parts."""
    pending = nodes[::-1]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(list(node.children(static, include_partials=False)))


def _expressions(node: Node) -> Iterator[Expression]:
    """Every expression of a node, each before its parts."""
    pending = list(node.expressions())
    while pending:
        expression = pending.pop()
        yield expression
        pending += expression.children()


class Mentions:
    """What a text speaks of: the names of its variables, and of the partials that it renders."""

    def __init__(self, template: BoundTemplate) -> None:
        self.names: set[str] = set()
        self.partials: set[str] = set()
        for node in _descendants(template.nodes, RenderContext(template)):
            if isinstance(node, RenderNode) and isinstance(node.name, StringLiteral):
                self.partials.add(str(node.name.value))
            for expression in _expressions(node):
                if isinstance(expression, Path):
                    self.names.add(str(expression.head()))


def explain(error: LiquidError, text: str) -> str:
    """`line 3: what is wrong there`; without the line where the library does not know it."""
    message = str(error.message or "is no Liquid template").replace("end of expression", "the end of the text")
    token = error.token
    known = token is not None and token.start_index >= 0
    if not known and "\n" in text:
        return str(message)  # the library does not say where an expression ends too soon
    line = text.count("\n", 0, token.start_index) + 1 if known and token else 1
    return f"line {line}: {message}"


def size_of(value: object) -> int:
    """Of a value, about as long as it is when written; of what is missing 0, asked for nothing."""
    kind = type(value)
    if kind is str or kind is Markup:
        return len(value)  # type: ignore[arg-type]
    if kind is list or kind is tuple:
        return sum(map(size_of, value)) + STEP * len(value)  # type: ignore[call-overload,arg-type]
    if kind is dict:
        assert isinstance(value, Mapping)
        return sum(map(size_of, value.values())) + sum(map(len, value)) + STEP * len(value)
    if kind is range:
        return STEP * len(value)  # type: ignore[arg-type]
    return value.bit_length() // 3 if kind is int else 8  # type: ignore[attr-defined]


def _plain(value: object) -> object:
    return value.unescape() if type(value) is Markup else value
