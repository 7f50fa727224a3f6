"""Pages for people: whatever goes into one is text, and every language says everything."""

from __future__ import annotations

import base64
import hashlib
import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.page import HEADERS, Markup, fill, page, texts_for
from gateway.page_texts import EN, TEXTS, Texts
from gateway.preference_form import name_of


@given(st.text())
def test_values_are_escaped_wherever_they_stand(value: str) -> None:
    filled = fill('<p title="{value}">{value}</p>', value=value)
    assert filled.count("<") == 2
    assert filled.count('"') == 2
    assert fill("{a}", a=filled) == filled


def test_a_page_allows_its_own_style_and_nothing_else() -> None:
    answer = page(EN, "<i>Title</i>", fill("<p>{x}</p>", x="<script>"), brand='"><img>')
    html = answer.body.decode()
    assert not [tag for tag in ("<script", "<img", "<i>") if tag in html]
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = dict(HEADERS)[b"content-security-policy"].decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "style=" not in html


def test_half_a_letter_does_not_break_a_page() -> None:
    assert page(EN, "t", Markup(""), brand="\ud800").status == 200


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_every_language_fills_in_what_english_does(texts: Texts) -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for name in Texts._fields:
        assert places(getattr(texts, name)) == places(getattr(EN, name)), name
        assert name == "language" or not re.search(r"[<>&]", getattr(texts, name)), name


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("pt-BR", "de", "pt"),
        ("pt_BR", None, "pt"),
        (None, "xx, ar;q=0.8, en;q=0.5", "ar"),
        ("tlh", "de-AT", "de"),
        (None, None, "en"),
        ("", "*", "en"),
    ],
)
def test_the_persons_language_comes_before_the_browsers(
    locale: str | None, accepted: str | None, language: str
) -> None:
    assert texts_for(locale, accepted).language == language


@pytest.mark.parametrize(
    ("category", "label"),
    [
        ("orders.shipped", "Orders shipped"),
        ("general", "Everything else"),
        ("...", "..."),
        ("ß_x", "SS x"),
        ("新着", "新着"),
    ],
)
def test_categories_are_called_by_words(category: str, label: str) -> None:
    assert name_of(EN, category) == label
