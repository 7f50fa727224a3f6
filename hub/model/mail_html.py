"""The HTML of mails: what an author may write, which links leave, and the text of it.

Nothing from data is HTML: values are escaped where they are written (hub.model.template_text). What is left are places
where an escaped value still does harm: addresses of links, attributes without quotes, the names of tags, style sheets.
Authors are refused those where they publish (`check_html`; in style sheets only what the filter `css` lets through may
stand); addresses that come from values are looked at in what was rendered
(`safe_links`). Both are one pass, linear in the length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urljoin

from hub.model.liquid_source import tags

_VALUE = "\ue000"  # stands for what a template writes there; private use, so that no text has it
_STYLED = "\ue001"  # for what it writes through the filter `css`
_WRITTEN = frozenset({_VALUE, _STYLED})
_CSS = re.compile(r"\|\s*css\s*-?\}\}\Z")
_STYLE_END = re.compile(r"</style", re.IGNORECASE)
_WRITING = frozenset({"echo", "cycle", "increment", "decrement", "render", "liquid"})
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>\"'=]*+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_OPENED = re.compile(r"<[A-Za-z][^\s/>\"'=]*+(?:[^>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+")
_ATTRIBUTE = re.compile(r"([^\s=\"'/]++)(?:(\s*+=\s*+)(\"[^\"]*+\"|'[^']*+'|[^\s\"'>][^\s>]*+))?+")
_LINKS = frozenset(
    {"href", "xlink:href", "src", "action", "background", "formaction", "poster", "srcset", "longdesc", "cite"}
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+:")
_ALLOWED_SCHEMES = ("http:", "https:", "mailto:", "tel:", "cid:")
_FORBIDDEN = frozenset({"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "portal"})
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028\u2029\ufeff]+")

_UNSTYLED = "a value in a style ends with the filter css, which lets through colours, lengths and words: {{ … | css }}"

_BLOCKS = frozenset(
    {"p", "div", "table", "tr", "ul", "ol", "blockquote", "section", "article", "header", "footer", "pre", "center"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SILENT = frozenset({"style", "head", "title", "noscript"})
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")


def check_html(source: str) -> None:
    """Whether a template's HTML is such that no value can become markup or a foreign kind of link.

    Raises:
        ValueError: it is not; the message names the line.
    """
    text = _masked(source)
    place = text.find("<")
    while place >= 0:
        following = text[place + 1 : place + 2]
        if following in _WRITTEN:
            raise _wrong(text, place, "a tag's name comes from a value")
        if text.startswith("<!--", place):
            end = text.find("-->", place)
            if end < 0:
                raise _wrong(text, place, "the comment does not end")
            # What Outlook reads of a conditional comment is looked at as well.
            place = text.find("<", place + 4)
            continue
        if following.isalpha() or following == "/":
            tag = _TAG.match(text, place)
            if tag is None:
                raise _wrong(text, place, f"the tag {text[place : place + 20]!r} does not end, or its quotes do not")
            _check_tag(text, place, tag[2].lower(), tag[3])
            place = tag.end() - 1
            if tag[2].lower() == "style" and not tag[1]:
                closing = _STYLE_END.search(text, place)
                written = text.find(_VALUE, place, len(text) if closing is None else closing.start())
                if written >= 0:
                    raise _wrong(text, written, _UNSTYLED)
        place = text.find("<", place + 1)


def _masked(source: str) -> str:
    """Its HTML, line by line. Of its Liquid a space for what decides, and a sign for what writes: another one for what
    `css` lets through.
    """
    pieces: list[str] = []
    place = 0
    for tag in tags(source):
        sign = _VALUE if tag.name is None or tag.name in _WRITING else " "
        if tag.name is None and _CSS.search(source, tag.start, tag.end):
            sign = _STYLED
        pieces += (source[place : tag.start], sign, "\n" * source.count("\n", tag.start, tag.end))
        place = tag.end
    return "".join([*pieces, source[place:]])


def _check_tag(text: str, place: int, name: str, attributes: str) -> None:
    if name in _FORBIDDEN:
        raise _wrong(text, place, f"<{name}> has no place in a mail")
    if not _WRITTEN.isdisjoint(name):
        raise _wrong(text, place, "a tag's name comes from a value")
    for attribute in _ATTRIBUTE.finditer(attributes):
        key, value = attribute[1].lower(), attribute[3]
        if not _WRITTEN.isdisjoint(key):
            raise _wrong(text, place, f"a value stands among the attributes of <{name}>: put it in quotes")
        if key.startswith("on"):
            raise _wrong(text, place, f"{key}= has no place in a mail")
        if value is None:
            continue
        if not _WRITTEN.isdisjoint(value) and value[0] not in "\"'":
            raise _wrong(text, place, f"the value of {key}= needs quotes")
        if key == "style" and _VALUE in value:
            raise _wrong(text, place, _UNSTYLED)
        if key in _LINKS and not _may_lead(value.strip("\"'")):
            raise _wrong(text, place, f"{key}= leads neither to http or https nor to mailto: or tel:")


def _wrong(text: str, place: int, message: str) -> ValueError:
    return ValueError(f"line {text.count(chr(10), 0, place) + 1}: {message}")


def _may_lead(address: str) -> bool:
    """Whether an address, as it stands in HTML, is of a kind that mails may have."""
    plain = _INVISIBLE.sub("", html.unescape(address))
    scheme = _SCHEME.match(plain)
    return scheme is None or scheme[0].lower() in _ALLOWED_SCHEMES


def safe_links(rendered: str, base: str | None = None) -> str:
    """Rendered HTML with every address of another kind replaced by `#`, and paths completed with `base`.

    Only attributes of tags are addresses: what a text or another attribute says stays as it is.
    """

    def mend(match: re.Match[str]) -> str:
        value = match[3]
        if value is None or match[1].lower() not in _LINKS:
            return match[0]
        quote = value[0] if value[0] in "\"'" else ""
        address = value[1:-1] if quote else value
        if address.startswith(("https://", "http://", "#", "mailto:", "tel:", "cid:")):
            return match[0]
        if not _may_lead(address) or address.lstrip().startswith(("//", "\\")):
            return f'{match[1]}{match[2]}"#"'
        if base is not None and address.startswith("/"):
            joined = html.escape(urljoin(base, html.unescape(address)))
            return f'{match[1]}{match[2]}"{joined}"'
        return match[0] if _SCHEME.match(address.strip()) else f'{match[1]}{match[2]}"#"'

    return _OPENED.sub(lambda tag: _ATTRIBUTE.sub(mend, tag[0]), rendered)


class _Tag(NamedTuple):
    closing: bool
    name: str
    attributes: str


def _tokens(source: str) -> Iterator[str | _Tag]:
    """Texts and tags, in order; as in a browser, what begins a tag that never ends is nothing."""
    place = 0
    while (start := source.find("<", place)) >= 0:
        if start > place:
            yield source[place:start]
        if source.startswith("<!--", start):
            end = source.find("-->", start + 4)
            if end < 0:
                return
            place = end + 3
            continue
        tag = _TAG.match(source, start)
        if tag is not None:
            yield _Tag(tag[1] == "/", tag[2].lower(), tag[3])
            place = tag.end()
        elif source[start + 1 : start + 2].isalpha() or source[start + 1 : start + 2] == "/":
            return
        elif source[start + 1 : start + 2] in "!?":
            place = source.find(">", start) + 1
            if not place:
                return
        else:
            yield "<"
            place = start + 1
    yield source[place:]


def text_of(source: str) -> str:
    """The text of HTML, for readers without it: paragraphs, lists, links with their addresses. Deterministic."""
    writer = _TextWriter()
    silent = ""  # inside an element that is not shown
    for token in _tokens(source):
        if isinstance(token, str):
            if not silent:
                writer.write(token)
        elif silent:
            if token.closing and token.name == silent:
                silent = ""
        elif not token.closing and (token.name in _SILENT or _HIDDEN.search(token.attributes)):
            silent = token.name
        else:
            writer.tag(token)
    return writer.text()


class _TextWriter:
    def __init__(self) -> None:
        self._lines = [""]
        self._links: list[tuple[str, int, int]] = []  # address, and where its text began: line and column

    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in self._lines)).strip()

    def write(self, said: str) -> None:
        text = _SPACES.sub(" ", html.unescape(said) if "&" in said else said)
        last = self._lines[-1]
        self._lines[-1] += text if last and not last.endswith(" ") else text.lstrip()

    def tag(self, tag: _Tag) -> None:
        name = tag.name
        if name == "br":
            self._lines.append("")
        elif name == "p" or name in _HEADINGS:
            self._break(blank=True)
        elif name in _BLOCKS:
            self._break()
        elif name == "hr":
            self._break(blank=True)
            self._lines[-1] = "---"
            self._break(blank=True)
        elif name == "li" and not tag.closing:
            self._break()
            self._lines[-1] = "- "
        elif name in ("td", "th") and tag.closing and self._lines[-1]:
            self._lines[-1] += " "
        elif name == "img":
            self.write(_attribute(tag.attributes, "alt"))
        elif name == "a":
            self._link(tag)

    def _break(self, *, blank: bool = False) -> None:
        if self._lines[-1].strip():
            self._lines.append("")
        if blank and len(self._lines) > 1 and self._lines[-2]:
            self._lines.append("")

    def _link(self, tag: _Tag) -> None:
        if not tag.closing:
            address = html.unescape(_attribute(tag.attributes, "href"))
            self._links.append((address, len(self._lines) - 1, len(self._lines[-1])))
        elif self._links:
            address, line, column = self._links.pop()
            said = self._lines[-1][column:].strip() if line == len(self._lines) - 1 else ""
            plain = address.removeprefix("mailto:").removeprefix("tel:")
            if address.startswith(("http:", "https:", "mailto:", "tel:")) and said != plain:
                self._lines[-1] = f"{self._lines[-1].rstrip()} ({plain})" if said else self._lines[-1] + plain


def _attribute(attributes: str, name: str) -> str:
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return (found[3] or "").strip("\"'")
    return ""
