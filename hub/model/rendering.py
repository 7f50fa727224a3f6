"""Rendering: from a template, or from plain texts, to what a channel sends to one person."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import msgspec

from hub.model import mail
from hub.model.brand import Brand
from hub.model.mail_html import safe_links, text_of
from hub.model.phrases import phrase, spoken
from hub.model.policy import IN_APP
from hub.model.reader import Reader
from hub.model.template import Template
from hub.model.template_text import TemplateError
from hub.model.urls import is_url

MAX_TITLE, MAX_BODY = 255, 4_000  # characters, contract: what is longer is cut
PUSH_TITLES = 3  # that the push of a digest names
_BREAKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")


class Letter(msgspec.Struct):
    """What one message is made of.

    Attributes:
        content: The item's fields as the person reads them.
        count: How many notifications it stands for.
        items: Of a digest, the newest of them; else the one.
        created_at: RFC 3339.
    """

    channel: str
    reader: Reader
    content: Mapping[str, Any]
    template: Template | None = None
    brand: Brand = Brand()
    created_at: str | None = None
    count: int = 1
    items: Sequence[Mapping[str, Any]] = ()
    gathered: bool = False
    unsubscribe_url: str | None = None
    preferences_url: str | None = None

    def variables(self) -> dict[str, Any]:
        """What templates may speak of."""
        return {
            **variables(self.content, self.reader, self.created_at),
            "title": self.content.get("title"),
            "body": self.content.get("body"),
            "action_url": self.content.get("action_url"),
            "count": self.count,
            "items": list(self.items) or [item_of(self.content, self.created_at)],
            "brand": self.brand.fields(),
            "unsubscribe_url": self.unsubscribe_url,
            "preferences_url": self.preferences_url,
        }


def variables(content: Mapping[str, Any], reader: Reader, created_at: str | None) -> dict[str, Any]:
    """The variables of an item's own texts; what goes outside has more, see `Letter.variables`."""
    return {
        "data": content.get("data") or {},
        "recipient": reader.fields(),
        "actor": content.get("actor"),
        **{name: content.get(name) for name in ("category", "tenant", "tags", "thread_key", "priority")},
        "created_at": created_at,
        "count": 1,
        "items": [],
        "timezone": reader.timezone or "UTC",
    }


def item_of(content: Mapping[str, Any], created_at: str | None) -> dict[str, Any]:
    """One of a digest's `items`."""
    names = ("title", "body", "action_url", "image_url", "actor", "category", "thread_key")
    return {**{name: content.get(name) for name in names}, "data": content.get("data") or {}, "created_at": created_at}


def render_item(
    template: Template, content: Mapping[str, Any], reader: Reader, created_at: str | None
) -> dict[str, Any]:
    """The title, body and address of an item.

    Raises:
        TemplateError: one cannot be rendered with this.
    """
    given = variables(content, reader, created_at)
    title = _line(template.render(IN_APP, "title", given, reader.locale) or "")
    if not title:
        raise TemplateError("channels.in_app.title", "is empty")
    body = _CONTROLS.sub("", template.render(IN_APP, "body", given, reader.locale) or "").strip()
    url = (template.render(IN_APP, "action_url", given, reader.locale) or "").strip()
    return {
        "title": _cut(title, MAX_TITLE),
        "body": _cut(body, MAX_BODY) or None,
        "action_url": _address(url, "channels.in_app.action_url"),
    }


def render(letter: Letter) -> dict[str, str]:
    """The texts of a message, as `Message.rendered` has them.

    Raises:
        TemplateError: one cannot be rendered with this.
    """
    channel, locale = letter.channel, letter.reader.locale
    template = letter.template
    if template is not None and letter.gathered and not template.names(channel, locale) & {"count", "items"}:
        template = None  # it speaks of one; this is about many
    texts = {} if template is None else render_texts(letter)
    if channel == "web_push":
        return _push(letter, texts)
    if channel == "email":
        return _mail(letter, template, texts)
    if channel == "sms":
        return {"text": texts["text"].strip() if "text" in texts else _plain(letter)}
    return texts


def render_texts(letter: Letter) -> dict[str, str]:
    """What the template itself says on the channel, by field: what it leaves out, the item says.

    Raises:
        TemplateError: one cannot be rendered with this.
    """
    template, locale = letter.template, letter.reader.locale
    assert template is not None
    places, given = template.resolve(letter.channel, locale).places, letter.variables()
    return {field: template.render(letter.channel, field, given, locale) or "" for field in places}


def _title(letter: Letter) -> str:
    if letter.gathered:
        return phrase("digest", letter.reader.locale, letter.count)
    return str(letter.content.get("title") or "")


def _summary(letter: Letter, limit: int) -> str:
    """The titles that a digest names."""
    named = [str(item.get("title") or "") for item in letter.items[:limit]]
    rest = letter.count - len(named)
    return "\n".join([*named, *([phrase("more", letter.reader.locale, rest)] if rest > 0 else [])])


def _push(letter: Letter, texts: Mapping[str, str]) -> dict[str, str]:
    body = _summary(letter, PUSH_TITLES) if letter.gathered else letter.content.get("body") or ""
    url = texts["url"].strip() if "url" in texts else _common_address(letter)
    return {
        "title": _cut(_line(texts.get("title") or "") or _title(letter), MAX_TITLE),
        "body": _cut(_CONTROLS.sub("", texts.get("body", body)).strip(), MAX_BODY),
        "url": _address(url, "channels.web_push.url") or "",
    }


def _common_address(letter: Letter) -> str:
    """Where a click leads; of a digest, where all of it lead."""
    if not letter.gathered:
        return letter.content.get("action_url") or ""
    addresses = {item.get("action_url") for item in letter.items}
    return (addresses.pop() or "") if len(addresses) == 1 else ""


def _plain(letter: Letter) -> str:
    """All of it as one text."""
    if letter.gathered:
        return f"{_title(letter)}\n\n{_summary(letter, mail.MAX_DIGEST_CARDS)}"
    url = _absolute(letter.content.get("action_url"), letter.brand)
    parts = (letter.content.get("title"), letter.content.get("body"), url)
    return "\n\n".join(part for part in parts if part)


def _mail(letter: Letter, template: Template | None, texts: Mapping[str, str]) -> dict[str, str]:
    locale = letter.reader.locale
    # Its own words are in the language of what stands around them.
    said = template.language("email", locale) if template is not None else spoken(locale)
    subject = _cut(_line(texts.get("subject") or "") or _line(_title(letter)), MAX_TITLE)
    layout = None if template is None else template.resolve("email", locale).layout
    result = {"subject": subject}
    if "text" in texts and "html" not in texts:
        text = texts["text"].strip()
    else:
        content = safe_links(texts["html"] if "html" in texts else _content(letter, said), letter.brand.url)
        text = texts["text"].strip() if "text" in texts else text_of(content)
        result["html"] = _html(letter, template, content, layout, said, subject, _line(texts.get("preheader") or ""))
    if layout is not False:
        text += mail.footer_text(letter.brand, said, letter.unsubscribe_url, letter.preferences_url)
    return {**result, "text": text}


def _content(letter: Letter, locale: str) -> str:
    if letter.gathered:
        items = [{**item, "action_url": _absolute(item.get("action_url"), letter.brand)} for item in letter.items]
        return mail.digest(items, letter.count, _title(letter), letter.brand, locale)
    content = dict(letter.content)
    content["action_url"] = _absolute(content.get("action_url"), letter.brand)
    return mail.article(content, letter.brand, locale)


def _html(
    letter: Letter,
    template: Template | None,
    content: str,
    layout: str | bool | None,
    locale: str,
    subject: str,
    preheader: str,
) -> str:
    if layout is False:
        whole = content
    elif template is not None and isinstance(layout, str):
        given = {**letter.variables(), "subject": subject, "preheader": preheader}
        whole = safe_links(template.render_layout(given, content, layout, locale), letter.brand.url)
    else:
        whole = mail.framed(
            content,
            letter.brand,
            locale,
            subject=subject,
            preheader=preheader,
            unsubscribe_url=letter.unsubscribe_url,
            preferences_url=letter.preferences_url,
        )
    if "<style" in content or (isinstance(layout, str | bool) and "<style" in whole):
        try:
            whole = mail.inlined(whole)
        except ValueError as error:
            raise TemplateError("channels.email.html", str(error)) from None
    return whole


def _line(text: str) -> str:
    """One line: no breaks, no controls; what a header or a title can be."""
    return _BREAKS.sub(" ", text).strip()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _address(text: str, path: str) -> str | None:
    if not text:
        return None
    if not is_url(text):
        raise TemplateError(path, "is neither an http or https URL nor a path that begins with one slash")
    return text


def _absolute(url: str | None, brand: Brand) -> str | None:
    """An address for somebody outside the app; a path leads nowhere without the app's own address."""
    if url is None or not url.startswith("/"):
        return url
    return None if brand.url is None else urljoin(brand.url, url)
