"""Pages for people who follow a mail's link: HTML without a script, in their language, light or dark, narrow or wide.

Every value that goes into a page goes through `fill`, which escapes it; only what `fill` made is HTML. Nothing on a
page is loaded from anywhere: its style stands in it, and the policy allows that by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Any

from gateway.page_style import STYLE
from gateway.page_texts import TEXTS, Texts
from hub.exceptions import Refused
from hub.web.asgi import Headers
from hub.web.request import Request
from hub.web.response import HTML, Response

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode("utf-8")).digest()).decode("ascii")
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Headers = [
    (b"content-security-policy", _POLICY.encode("ascii")),
    (b"cache-control", b"no-store"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"permissions-policy", b"interest-cohort=()"),
]


class Markup(str):
    """HTML of ours, made by `fill`; goes into a page as it is."""

    __slots__ = ()


def fill(template: str, **values: Any) -> Markup:
    """A template of ours (never anybody's data) with every value escaped that is not Markup already."""
    safe = {name: value if isinstance(value, Markup) else escape(str(value)) for name, value in values.items()}
    return Markup(template.format_map(safe))


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("".join(parts))


_PAGE = """<!doctype html>
<html lang="{lang}" dir="{dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<p class="brand"><bdi>{brand}</bdi></p>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def page(texts: Texts, title: str, body: Markup, *, brand: str = "", status: int = 200) -> Response:
    """A whole page.

    Args:
        brand: Whose mails these are; nothing where nobody can be named.
    """
    direction = "rtl" if texts.language in RIGHT_TO_LEFT else "ltr"
    shown = fill(_PAGE, lang=texts.language, dir=direction, title=title, style=Markup(STYLE), brand=brand, body=body)
    return Response(status, shown.encode("utf-8", "replace"), media_type=HTML, headers=list(HEADERS))


def texts_for(locale: str | None, accepted: str | None = None) -> Texts:
    """Texts in a person's language, else in the first that their browser accepts, else in English."""
    wanted = [locale or "", *(entry.partition(";")[0].strip() for entry in (accepted or "")[:500].split(","))]
    for tag in wanted:
        language = tag.replace("_", "-").partition("-")[0].lower()
        if language in TEXTS:
            return TEXTS[language]
    return TEXTS["en"]


def refuse(request: Request, refused: Refused) -> Response:
    """A refusal as a page: in the browser's language, because it is not known whose link it is."""
    texts = texts_for(None, request.header(b"accept-language"))
    status = refused.status
    if status in (404, 410):
        title, text = texts.gone_title, texts.gone
    elif status >= 500 or status in (408, 429):
        title, text = texts.busy_title, texts.busy
    else:
        title, text = texts.wrong_title, texts.wrong
    body = fill('<p>{text}</p><p class="soft small"><bdi>{id}</bdi></p>', text=text, id=request.id)
    response = page(texts, title, body, status=status)
    if refused.retry_after is not None:
        response.headers.append((b"retry-after", b"%d" % refused.retry_after))
    return response
