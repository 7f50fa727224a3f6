"""The built-in look of mails: one column of 600 px, of tables, its styles inline.

What a mail client may drop is only in the style sheet: the dark colours and the narrow margins. Light and dark both
avoid plain black and white, which some clients turn into each other. A frame is built once for a brand and a language
and then only filled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import css_inline
from markupsafe import escape

from hub.model.brand import Brand
from hub.model.phrases import direction_of, phrase

PREHEADER_PADDING = "&#8199;&#65279;&#847; " * 60  # so that no client fills the preview with what follows
MAX_DIGEST_CARDS = 20  # of a digest without a template; the rest is counted
_FONT = (
    "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,'Hiragino Sans','Noto Sans JP',"
    "'Noto Naskh Arabic',Tahoma,sans-serif"
)
_STYLE = """:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (max-width:620px){.h-outer{padding:0!important}.h-pad{padding-left:24px!important;padding-right:24px!important}}
@media (prefers-color-scheme:dark){.h-page{background-color:#15171c!important}
.h-card{background-color:#1f2229!important}
.h-text,.h-text h1,.h-text h2,.h-text h3,.h-text p,.h-text li,.h-text td{color:#e7e9ee!important}
.h-muted,.h-muted a,.h-text .h-muted{color:#9aa1ad!important}.h-line{border-color:#343943!important}
.h-text a.h-link,.h-link{color:[[dark]]!important}}
[data-ogsb] .h-page{background-color:#15171c!important}[data-ogsb] .h-card{background-color:#1f2229!important}
[data-ogsc] .h-text,[data-ogsc] .h-text p,[data-ogsc] .h-text h1{color:#e7e9ee!important}
[data-ogsc] .h-muted,[data-ogsc] .h-muted a{color:#9aa1ad!important}[data-ogsc] .h-link{color:[[dark]]!important}"""
_FRAME = """<!doctype html>
<html lang="[[lang]]" dir="[[dir]]">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="x-apple-disable-message-reformatting">
<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{{subject}}</title>
<style>[[style]]</style>
</head>
<body class="h-page" style="margin:0;padding:0;background-color:#f2f3f6">
<div style="display:none;max-height:0;overflow:hidden">{{preheader}}</div>
<table role="presentation" class="h-page" width="100%" cellpadding="0" cellspacing="0" border="0" \
style="background-color:#f2f3f6"><tr><td class="h-outer" align="center" style="padding:32px 12px">
<!--[if mso]><table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0"><tr><td><![endif]-->
<table role="presentation" dir="[[dir]]" width="100%" cellpadding="0" cellspacing="0" border="0" \
style="max-width:600px;[[font]]">
[[header]]<tr><td class="h-card h-text h-pad" align="[[start]]" style="padding:36px 40px;background-color:#fdfdfd;\
border-top:4px solid [[accent]];border-radius:10px;font-size:16px;line-height:1.55;color:#22262e">
{{content}}
</td></tr>
<tr><td class="h-muted h-pad" align="[[start]]" style="padding:20px 40px 36px;font-size:13px;line-height:1.6;\
color:#6a7180">[[footer]]{{links}}</td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr></table>
</body>
</html>
"""
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=True)
MAX_STYLE_CHARACTERS = 16 * 1024  # of a mail's own style sheets
MAX_STYLED_WORK = 20_000_000  # characters of style times tags: what an inliner may have to compare, some 100 ms


@lru_cache(maxsize=1_000)
def _frame(brand: Brand, locale: str) -> tuple[str, ...]:
    """The pieces of the frame; at odd places the names of what is filled in."""
    right = direction_of(locale) == "rtl"
    fixed = {
        "lang": escape(locale),
        "dir": "rtl" if right else "ltr",
        "start": "right" if right else "left",
        "style": _STYLE.replace("[[dark]]", brand.accent_on_dark),
        "font": _FONT,
        "accent": brand.accent,
        "header": _header(brand, "right" if right else "left"),
        "footer": "".join(f"{_lines(text)}<br>" for text in (brand.footer, _signature(brand)) if text),
    }
    pieces = re.split(r"\{\{(\w+)\}\}", _FRAME)
    pieces[::2] = [re.sub(r"\[\[(\w+)\]\]", lambda match: str(fixed[match[1]]), piece) for piece in pieces[::2]]
    return tuple(pieces)


def _signature(brand: Brand) -> str:
    address = " · ".join(line.strip() for line in (brand.address or "").splitlines() if line.strip())
    named = brand.name is not None and not address.startswith(brand.name)
    return " · ".join(part for part in (brand.name if named else None, address) if part)


def _header(brand: Brand, start: str) -> str:
    if brand.logo_url:
        name = escape(brand.name or "")
        shown = (
            f'<img src="{escape(brand.logo_url)}" alt="{name}" height="32" '
            'style="display:block;height:32px;width:auto;border:0">'
        )
    elif brand.name:
        shown = str(escape(brand.name))
    else:
        return ""
    style = "padding:0 40px 18px;font-size:18px;font-weight:600;color:#22262e"
    return f'<tr><td class="h-text h-pad" align="{start}" style="{style}">{shown}</td></tr>\n'


def framed(
    content: str,
    brand: Brand,
    locale: str,
    *,
    subject: str,
    preheader: str,
    unsubscribe_url: str | None,
    preferences_url: str | None,
) -> str:
    """A whole mail around its content, which is HTML."""
    style = "color:#6a7180;text-decoration:underline"
    links = [
        f'<a href="{escape(url)}" style="{style}">{escape(phrase(name, locale))}</a>'
        for name, url in (("unsubscribe", unsubscribe_url), ("preferences", preferences_url))
        if url
    ]
    filled = {
        "subject": escape(subject),
        "preheader": f"{escape(preheader)}{PREHEADER_PADDING}" if preheader else "",
        "content": content,
        "links": " &nbsp;·&nbsp; ".join(links),
    }
    pieces = list(_frame(brand, locale))
    pieces[1::2] = [str(filled[name]) for name in pieces[1::2]]
    return "".join(pieces)


def footer_text(brand: Brand, locale: str, unsubscribe_url: str | None, preferences_url: str | None) -> str:
    """What stands below the text of a mail; empty when there is nothing to say."""
    lines = [text for text in (brand.footer, _signature(brand)) if text]
    for name, url in (("unsubscribe", unsubscribe_url), ("preferences", preferences_url)):
        if url:
            lines.append(f"{phrase(name, locale)}: {url}")
    return "\n\n-- \n" + "\n".join(lines) if lines else ""


def article(content: Mapping[str, Any], brand: Brand, locale: str) -> str:
    """The content of a mail that is made of an item: what it says, its picture and its buttons."""
    parts = [_heading(str(content.get("title") or ""))]
    if content.get("image_url"):
        parts.append(
            f'<p style="margin:0 0 20px"><img src="{escape(content["image_url"])}" alt="" width="520" '
            'style="display:block;width:100%;max-width:520px;height:auto;border:0;border-radius:8px"></p>'
        )
    if content.get("body"):
        parts.append(paragraphs(content["body"]))
    if content.get("action_url"):
        parts.append(button(content["action_url"], phrase("open", locale), brand))
    others = [action for action in content.get("actions") or () if action.get("url")]
    if others:
        links = " &nbsp; ".join(_link(action["url"], action["label"], brand) for action in others)
        parts.append(f'<p style="margin:20px 0 0">{links}</p>')
    return "\n".join(parts)


def digest(items: Sequence[Mapping[str, Any]], count: int, title: str, brand: Brand, locale: str) -> str:
    """The content of a digest: one card for each item, the newest first."""
    parts = [_heading(title)]
    for item in items[:MAX_DIGEST_CARDS]:
        title, url = item.get("title") or "", item.get("action_url")
        said = _link(url, title, brand) if url else escape(title)
        body = paragraphs(item["body"], small=True) if item.get("body") else ""
        style = "padding:14px 0;border-top:1px solid #e3e5ea;font-size:16px;line-height:1.5;color:#22262e"
        parts.append(
            '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
            f'<td class="h-line h-text" style="{style}"><strong style="font-weight:600">{said}</strong>{body}</td>'
            "</tr></table>"
        )
    rest = count - min(len(items), MAX_DIGEST_CARDS)
    if rest > 0:
        parts.append(f'<p class="h-muted" style="margin:14px 0 0;color:#6a7180">{phrase("more", locale, rest)}</p>')
    return "\n".join(parts)


def _heading(text: str) -> str:
    return f'<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3;font-weight:600">{escape(text)}</h1>'


def paragraphs(text: str, *, small: bool = False) -> str:
    """A text as HTML: blank lines make paragraphs, others break lines."""
    style = "margin:4px 0 0;font-size:15px" if small else "margin:0 0 16px"
    blocks = re.split(r"\n[ \t]*\n\s*", text.strip())
    return "\n".join(f'<p style="{style}">{_lines(block)}</p>' for block in blocks if block)


def _lines(text: str) -> str:
    return str(escape(text.strip())).replace("\n", "<br>\n")


def _link(url: str, label: str, brand: Brand) -> str:
    return (
        f'<a href="{escape(url)}" class="h-link" style="color:{brand.accent};text-decoration:none">{escape(label)}</a>'
    )


def button(url: str, label: str, brand: Brand) -> str:
    """A button that needs no style sheet."""
    cell = f"border-radius:8px;background-color:{brand.accent}"
    style = (
        f"display:inline-block;padding:12px 24px;font-size:16px;line-height:1.25;font-weight:600;"
        f"color:{brand.on_accent};text-decoration:none;border-radius:8px;border:1px solid {brand.accent}"
    )
    return (
        '<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:24px 0 0"><tr>'
        f'<td align="center" bgcolor="{brand.accent}" style="{cell}">'
        f'<a href="{escape(url)}" style="{style}">{escape(label)}</a></td></tr></table>'
    )


def inlined(html: str) -> str:
    """A mail whose style sheets are in its elements, as mail clients want it; what is in `@media` stays as it is.

    Raises:
        ValueError: there is more of them than a mail needs.
    """
    styles = sum(len(found) for found in re.findall(r"<style\b[^>]*>([^<]*)", html, re.IGNORECASE))
    if styles > MAX_STYLE_CHARACTERS or styles * html.count("<") > MAX_STYLED_WORK:
        raise ValueError("its style sheets are too long for so many tags")
    try:
        return _INLINER.inline(html)
    except css_inline.InlineError as error:
        raise ValueError(f"its style sheets cannot be read: {str(error)[:100]}") from None
