"""Golden mails and pushes: one order in six languages, and a digest in each; what is committed is what is sent.

`python -m tests.support.golden_mails` writes them anew, `… pictures` takes their pictures as well. Look at both before
you commit.
"""

from __future__ import annotations

import asyncio
import sys
from html import escape
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from hub.model.brand import Brand
from hub.model.reader import Reader
from hub.model.rendering import Letter, item_of, render, render_item
from hub.model.template import Template
from tests.support.system import ROOT

GOLDEN = ROOT / "tests" / "golden"
PICTURES = ROOT / "docs" / "images"
LOCALES = ("en", "de", "fr", "pt-BR", "ar", "ja")
ZONES = dict(zip(LOCALES, ("Europe/London", "Europe/Berlin", "Europe/Paris", "America/Sao_Paulo", "Africa/Cairo", "Asia/Tokyo"), strict=True))  # fmt: skip
NAMES = dict(zip(LOCALES, ("Ada", "Grete", "Sophie", "João", "ليلى", "春香"), strict=True))
BRAND = Brand(
    "Nordlicht", "https://nordlicht.example", None, "#0b7285", "Nordlicht GmbH\nHauptstr. 1\n10115 Berlin", None
)
CREATED_AT = "2026-11-26T08:30:00.000Z"
LINKS: Any = {
    "unsubscribe_url": "https://hub.nordlicht.example/l/u/6cZb0xM2",
    "preferences_url": "https://hub.nordlicht.example/l/p/9dKq3aYw",
}
DATA: dict[str, Any] = {
    "order": "4711",
    "total": 1234.5,
    "arrives": "2026-11-30",
    "shipped_at": "2026-11-26T08:15:00Z",
    "lines": [
        {"name": "Walnut desk <160 × 80 cm>", "count": 1, "price": 899},
        {"name": "Lamp “Polar” & bulb", "count": 2, "price": 335.5},
    ],
}
_CELL = "padding:10px 0;border-top:1px solid #e3e5ea;font-size:15px;line-height:1.5"
_LIST = f"""<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 8px">
{{% for line in data.lines %}}<tr><td class="h-line" style="{_CELL}">{{{{ line.count }}}} × {{{{ line.name }}}}</td>
<td class="h-line" align="{{% if dir == 'rtl' %}}left{{% else %}}right{{% endif %}}" style="{_CELL}">\
{{{{ line.price | times: line.count | currency: 'EUR' }}}}</td></tr>
{{% endfor %}}</table>"""
_BUTTON = """<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:24px 0 0"><tr>\
<td align="center" bgcolor="{{ brand.color }}" style="border-radius:8px;background-color:{{ brand.color | css }}">\
<a href="{{ action_url }}" style="display:inline-block;padding:12px 24px;font-size:16px;font-weight:600;color:#fdfdfd;\
text-decoration:none">{{ label }}</a></td></tr></table>"""


def _texts(title: str, hello: str, body: str, label: str, shipped: str) -> dict[str, Any]:
    heading = '<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3;font-weight:600">'
    return {
        "in_app": {"title": title, "body": body, "action_url": "/orders/{{ data.order }}"},
        "email": {
            "subject": title,
            "preheader": body,
            "html": f"{heading}{hello}</h1>\n<p style=\"margin:0 0 16px\">{body}</p>\n{{% render 'lines' %}}\n"
            f'<p class="h-muted" style="margin:0;font-size:13px;color:#6a7180">{shipped}</p>\n'
            f"{{% render 'button', label: '{label}' %}}",
        },
    }


_TOTAL, _WHEN, _SHIPPED = "{{ data.total | currency: 'EUR' }}", "{{ data.arrives | date: 'full' }}", "{{ data.shipped_at | datetime: 'short' }}"  # fmt: skip
_NAME, _ORDER = "{{ recipient.name }}", "{{ data.order }}"
TEXTS = {
    "en": _texts(f"Order {_ORDER} is on its way", f"It is coming, {_NAME}", f"Your order of {_TOTAL} arrives on {_WHEN}.", "Track it", f"Shipped {_SHIPPED}"),
    "de": _texts(f"Bestellung {_ORDER} ist unterwegs", f"Sie kommt, {_NAME}", f"Deine Bestellung über {_TOTAL} kommt am {_WHEN}.", "Verfolgen", f"Versandt am {_SHIPPED}"),
    "fr": _texts(f"La commande {_ORDER} est en route", f"Elle arrive, {_NAME}", f"Votre commande de {_TOTAL} arrive le {_WHEN}.", "Suivre", f"Expédiée le {_SHIPPED}"),
    "pt": _texts(f"O pedido {_ORDER} está a caminho", f"Está chegando, {_NAME}", f"Seu pedido de {_TOTAL} chega em {_WHEN}.", "Acompanhar", f"Enviado em {_SHIPPED}"),
    "ar": _texts(f"الطلب {_ORDER} في الطريق", f"إنه قادم يا {_NAME}", f"يصل طلبك بقيمة {_TOTAL} يوم {_WHEN}.", "تتبع الطلب", f"شُحن في {_SHIPPED}"),
    "ja": _texts(f"ご注文{_ORDER}を発送しました", f"{_NAME}さん、まもなく届きます", f"ご注文（{_TOTAL}）は{_WHEN}に届きます。", "追跡する", f"発送日時：{_SHIPPED}"),
}  # fmt: skip
ORDER = Template(
    "order-shipped",
    {
        "order-shipped": {
            "kind": "message",
            "channels": TEXTS["en"],
            "locales": {locale: texts for locale, texts in TEXTS.items() if locale != "en"},
        },
        "lines": {"kind": "partial", "source": _LIST},
        "button": {"kind": "partial", "source": _BUTTON},
    },
)


def order(locale: str, channel: str) -> dict[str, str]:
    """An order's message, of a template."""
    reader = Reader(locale, NAMES[locale], None, locale, ZONES[locale])
    fields = {"category": "orders", "data": DATA, "tags": [], "priority": "normal"}
    content = {**fields, **render_item(ORDER, fields, reader, CREATED_AT)}
    return render(Letter(channel, reader, content, ORDER, BRAND, CREATED_AT, **LINKS))


def digest(locale: str, channel: str) -> dict[str, str]:
    """A digest of 23, without a template."""
    reader = Reader(locale, NAMES[locale], None, locale, ZONES[locale])
    contents = [
        {"title": "Grace <grace@navy.example> commented", "body": "“Nanoseconds & cables”", "action_url": "/posts/1"},
        {"title": "Linus pushed 3 commits", "action_url": "https://git.example/x?a=1&b=2"},
        {"title": "Build 812 failed"},
    ]
    items = [item_of(content, CREATED_AT) for content in contents]
    return render(Letter(channel, reader, contents[0], None, BRAND, CREATED_AT, 23, items, gathered=True, **LINKS))


def golden() -> dict[Path, str]:
    """The text of every golden file by its path."""
    files: dict[Path, str] = {}
    for locale in LOCALES:
        for name, make in (("order", order), ("digest", digest)):
            mail = make(locale, "email")
            files[GOLDEN / "mails" / f"{name}.{locale}.html"] = mail["html"]
            files[GOLDEN / "mails" / f"{name}.{locale}.txt"] = f"Subject: {mail['subject']}\n\n{mail['text']}\n"
            push = make(locale, "web_push")
            files[GOLDEN / "pushes" / f"{name}.{locale}.txt"] = "\n---\n".join(push.values()) + "\n"
    return files


async def take_pictures(directory: Path = PICTURES) -> None:
    """Every golden mail, light and dark, as Chromium shows it: a sheet of each."""
    frames = "".join(
        f'<iframe srcdoc="{escape(text)}"></iframe>' for path, text in golden().items() if path.suffix == ".html"
    )
    style = "body{margin:0;display:grid;grid-template-columns:repeat(4,640px)}iframe{width:640px;height:580px;border:0}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = await browser.new_page(
                color_scheme=scheme,
                viewport={"width": 2560, "height": 1740},
                device_scale_factor=0.75,
            )
            await page.set_content(f"<style>{style}</style>{frames}")
            await page.wait_for_load_state("networkidle")
            await page.screenshot(path=directory / f"mails-{scheme}.png")
        await browser.close()


def main() -> None:
    for path, text in golden().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    if "pictures" in sys.argv[1:]:
        asyncio.run(take_pictures())


if __name__ == "__main__":
    main()
