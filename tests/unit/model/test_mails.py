"""Mails and pushes as they are sent, in six languages; and the text of HTML."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.brand import Brand, luminance
from hub.model.mail import framed
from hub.model.mail_html import check_html, safe_links, text_of
from hub.model.phrases import phrase
from tests.support.golden_mails import GOLDEN, LOCALES, golden

FILES = golden()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GOLDEN)))
def test_it_is_as_it_was_looked_at(path: Path) -> None:
    assert path.read_text("utf-8") == FILES[path], "run python -m tests.support.golden_mails pictures, and look"


def test_no_golden_file_is_left_over() -> None:
    assert {path for path in GOLDEN.rglob("*") if path.is_file()} == set(FILES)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_counts(locale: str) -> None:
    for number in (0, 1, 2, 3, 11, 100, 1_000_000):
        assert "{" not in phrase("digest", locale, number)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>A</h1><p>b\n c</p><p>d</p>", "A\n\nb c\n\nd"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<ul><li>a</li><li><a href='https://x.example'>b</a></li></ul>", "- a\n- b (https://x.example)"),
        ("<a href='https://x.example'>https://x.example</a>", "https://x.example"),
        ("<a href='https://x.example/?a=1&amp;b=2'><img alt='Logo' src='x'></a>", "Logo (https://x.example/?a=1&b=2)"),
        ("<a href='#x'>a</a> <a href='mailto:a@b.example'>write</a>", "a write (a@b.example)"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<style>p{}</style><div style='display:none'>x</div><p>&lt;b&gt; &amp; c</p><!-- d -->", "<b> & c"),
        ("a<hr>b", "a\n\n---\n\nb"),
        ("1 < 2 <b>c</b>", "1 < 2 c"),
        ("a <b", "a"),
    ],
)
def test_the_text_of_html(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize("value", ["href=javascript: onerror=alert(1) x=", "src = x", "action=1 background=2"])
def test_what_a_text_or_another_attribute_says_is_no_address(value: str) -> None:
    source = f"<p title=\"{value}\">{value}<img alt='{value}'></p>"
    assert safe_links(source) == source


@pytest.mark.parametrize(
    ("html", "safe"),
    [
        ("<a HREF = 'javascript:x'>", '<a HREF = "#">'),
        ("<a\nhref=java&#115;cript:x>", '<a\nhref="#">'),
        ('<a title="a > b" href="data:x">', '<a title="a > b" href="#">'),
        ("<img src=/a=b>", '<img src="https://app.example/a=b">'),
        ('<a href="javascript:x" ', '<a href="#" '),
        ('<!--[if mso]><a href="//evil.example">b</a><![endif]-->', '<!--[if mso]><a href="#">b</a><![endif]-->'),
    ],
)
def test_addresses_of_tags_are_mended(html: str, safe: str) -> None:
    assert safe_links(html, "https://app.example") == safe


def test_a_brands_braces_are_text() -> None:
    brand = Brand(name="{{content}}", footer="{{hello}} [[accent]]", address="{{links}}")
    whole = framed(
        "<p>once</p>",
        brand,
        "en",
        subject="{{preheader}}",
        preheader="",
        unsubscribe_url="https://hub.example/u",
        preferences_url=None,
    )
    assert whole.count("<p>once</p>") == whole.count("https://hub.example/u") == 1
    for text in (brand.name, brand.footer, brand.address, "<title>{{preheader}}</title>"):
        assert text is not None
        assert text in whole


@given(st.text("<>/='\" abphref!-:{}%", max_size=60))
def test_whatever_is_written_as_html_is_read(source: str) -> None:
    text_of(source)
    safe = safe_links(source)
    assert safe_links(safe) == safe
    with suppress(ValueError):
        check_html(source)


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_texts_on_the_accent_and_links_in_the_dark_can_be_read(color: str) -> None:
    brand = Brand(color=color)

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    assert contrast(brand.accent, brand.on_accent) >= 2.4
    assert contrast(brand.accent_on_dark, "#1f2229") >= 4.5
