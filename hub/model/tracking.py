"""Counting opens and clicks: a mail's links lead through the hub, and a picture of one pixel is fetched from it.

Only what a reader would follow is changed: `href` of `<a>` and `<area>`, where it is an absolute http or https URL. The
text of the link, every other attribute and every other byte stay. A template that marks a link with `data-untracked`
keeps it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from urllib.parse import urlsplit

MAX_URL = 2_048  # characters; what the API takes as a URL
MAX_LINKS = 1_000  # of one mail; clients cut mails long before (Gmail at 102 KB)

# One pass, whatever stands there: from `<a` a tag always matches, to its `>` or to the end of the text, and is never
# looked at again. Possessive, so that nothing is tried twice.
_TAG = re.compile(r"""<(?:a|area)(?=[\s/])(?:[^>"']++|"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))*+>?""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?""")
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_UNSAFE = re.compile(
    r"[\x00-\x20\x7f\\]"
)  # browsers drop or turn some of them, so that what we sign is not what they read


def track(html: str, *, link: Callable[[str, int], str | None] | None = None, pixel: str | None = None) -> str:
    """`html` with its links led through `link`, and a picture at `pixel` at its end; costs one pass.

    Args:
        html: A whole mail, escaped where it holds data.
        link: From a URL and its place among the mail's links, from 0, to the address that leads there; None keeps it.
        pixel: Address of the picture.
    """
    if link is not None:
        html = _follow(html, link)
    if pixel is not None:
        # Not `display: none`: some clients do not fetch what is not shown.
        image = f'<img src="{escape(pixel)}" alt="" width="1" height="1" style="width:1px;height:1px;border:0">'
        ends = list(_BODY_END.finditer(html))
        at = ends[-1].start() if ends else len(html)
        html = f"{html[:at]}{image}{html[at:]}"
    return html


def _follow(html: str, link: Callable[[str, int], str | None]) -> str:
    place = 0

    def replace(tag: re.Match[str]) -> str:
        nonlocal place
        text = tag[0]
        found = _href(text)
        if found is None or place >= MAX_LINKS:
            return text
        url, start, end = found
        led = link(url, place)
        place += 1
        return text if led is None else f'{text[:start]}"{escape(led)}"{text[end:]}'

    return _TAG.sub(replace, html)


def _href(tag: str) -> tuple[str, int, int] | None:
    """The URL of a tag that can be followed, and where its value stands in the tag."""
    if not tag.endswith(">"):
        return None
    found: tuple[str, int, int] | None = None
    for attribute in _ATTRIBUTE.finditer(tag, 1):  # the tag's own name is the first, without a value
        name = attribute[1].lower()
        if name == "data-untracked":
            return None
        if name == "href" and found is None:  # the first one counts (HTML standard, duplicate-attribute)
            found = (attribute[2] or "", attribute.start(2), attribute.end(2))
    if found is None:
        return None
    value, start, end = found
    url = unescape(value[1:-1] if value[:1] in ("'", '"') else value).strip(" \t\n\r\f")
    return (url, start, end) if is_followable(url) else None


def is_followable(url: str) -> bool:
    """Whether it is an absolute http or https URL that everybody reads alike."""
    if len(url) > MAX_URL or _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and url[len(parts.scheme) :].startswith("://") and bool(parts.hostname)
    except ValueError:
        return False
