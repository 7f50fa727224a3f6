"""Where a text of Liquid has its markup, found in one pass, before the library reads it.

The library's lexer tries again at every brace what has no end, and every split of a run of spaces: 16 KiB of `{` take
it seven seconds, in which nothing else of the process runs. So what would take it long is refused here, and nothing
that means something is: markup without an end, runs of spaces, and brackets by the dozen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_SPACES = 200  # in a row, inside one tag: the lexer takes their square
MAX_BRACKETS = 50  # `(` inside one tag: for each the lexer looks for `..` up to the end
_OPENING = re.compile(r"\{[{%]")
_VERBATIM = re.compile(r"\{%-?\s{0,200}+(raw|doc)\s{0,200}+-?%\}")
_ENDS = {name: re.compile(rf"\{{%-?\s{{0,200}}+end{name}\s{{0,200}}+-?%\}}") for name in ("raw", "doc")}
_NAME = re.compile(r"\{%-?\s*+(\w*)")
_MANY_SPACES = re.compile(rf"\s{{{MAX_SPACES + 1}}}")


class SourceError(ValueError):
    """Markup that no template needs: `place` in the text, `detail` without its line."""

    def __init__(self, text: str, place: int, detail: str) -> None:
        super().__init__(f"line {text.count(chr(10), 0, place) + 1}: {detail}")
        self.place = place
        self.detail = detail


class Tag(NamedTuple):
    """One `{{ … }}` (`name` None) or `{% … %}`, from `start` to before `end`."""

    start: int
    end: int
    name: str | None


def tags(text: str) -> Iterator[Tag]:
    """The markup of a text, in order; what stands in `raw` is none.

    Raises:
        SourceError: it has markup that no template needs.
    """
    place = 0
    while (opening := _OPENING.search(text, place)) is not None:
        start = opening.start()
        verbatim = _VERBATIM.match(text, start)
        if verbatim is not None:
            name = verbatim[1]
            closing = _ENDS[name].search(text, verbatim.end())
            if closing is None:
                raise SourceError(text, start, f"{{% {name} %}} has no end")
            yield Tag(start, verbatim.end(), name)
            yield Tag(closing.start(), closing.end(), f"end{name}")
            place = closing.end()
            continue
        ends = "}}" if opening[0] == "{{" else "%}"
        place = text.find(ends, start + 2) + 2
        if place < 2:
            raise SourceError(text, start, f"{opening[0]} has no {ends}")
        if _MANY_SPACES.search(text, start, place) is not None:
            raise SourceError(text, start, f"a tag has more than {MAX_SPACES} spaces in a row")
        if text.count("(", start, place) > MAX_BRACKETS:
            raise SourceError(text, start, f"a tag has more than {MAX_BRACKETS} opening brackets")
        found = _NAME.match(text, start)
        yield Tag(start, place, None if found is None else found[1])
