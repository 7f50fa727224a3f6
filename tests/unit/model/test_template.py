"""Templates: strictness, languages, escaping, and what may not be published."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.mail_html import safe_links
from hub.model.reader import Reader
from hub.model.rendering import Letter, render, render_item
from hub.model.template import Template
from hub.model.template_check import problems, renders_itself, uses
from hub.model.template_text import FIELDS, TemplateError

CONTEXT: dict[str, Any] = {
    "data": {"order": "<4711>", "total": 12.5, "at": "2026-11-21T23:30:00Z", "day": "2026-11-21", "list": [1, 2]},
    "recipient": Reader("ada").fields(),
    "timezone": "Asia/Tokyo",
}
EVIL = [
    "{{ 7 | times: 6 }}", "{% assign x = 1 %}", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>", "' onmouseover='alert(1)", "javascript:alert(1)", "</td></table><h1>", "]]>",
    "<!--", "-->",
    "{{ content }}", "&lt;script&gt;", "\u202e", "{%raw%}", "%}{{",
]  # fmt: skip


def template(html: str = "", text: str = "", **documents: Any) -> Template:
    channels = {"in_app": {"title": "t"}, "email": {"subject": "s", "html": html}, "sms": {"text": text}}
    return Template("t", {"t": {"kind": "message", "channels": channels}, **documents})


def text_of(source: str, locale: str | None = None, **context: Any) -> str:
    return template(text=source).render("sms", "text", {**CONTEXT, **context}, locale) or ""


def html_of(source: str, **context: Any) -> str:
    return template(source).render("email", "html", {**CONTEXT, **context}, None) or ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ data.total | currency: 'EUR' }}", "€\xa012,50"),
        ("{{ data.at | date }} {{ data.at | time }}", "22.11.2026 08:30"),
        ("{{ data.day | date: 'long' }}", "21. November 2026"),
        ("{{ data.at | datetime: 'short' }}", "22.11.26, 08:30"),
        ("{{ 1234.5 | decimal }} {{ 1234.5 | decimal: 2 }} {{ 0.25 | percent }}", "1.234,5 1.234,50 25\xa0%"),
        ("{{ 1 | plural: one: 'Tag', other: 'Tage' }} {{ 2 | plural: one: 'Tag', other: 'Tage' }}", "Tag Tage"),
        ("{{ data.nothing | default: 'x' }}{{ data.no.thing | default: 'y' }}", "xy"),
        ("{% assign c = data.coupon | default: nil %}{% if c %}a{% else %}b{% endif %}", "b"),
        ("{{ recipient.name }}{% if recipient.name %}a{% endif %}", ""),
        ("{% for n in (1..3) %}{{ n }}{% endfor %}", "123"),
        ("{{ locale }} {{ dir }}", "de-AT ltr"),
    ],
)
def test_what_is_written_for_a_person(source: str, expected: str) -> None:
    made = Template("t", {"t": {"default_locale": "de", "channels": {"sms": {"text": source}}}})
    assert made.render("sms", "text", CONTEXT, "de-AT") == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a\n{{ data.oder }}", "channels.sms.text: line 2: data.oder is undefined"),
        ("{{ nothing }}", "channels.sms.text: line 1: 'nothing' is undefined"),
        ("\n\n{% if data.x %}{% endif %}", "channels.sms.text: line 3: data.x is undefined"),
        ("{{ now }}", "channels.sms.text: line 1: 'now' is undefined"),
        (
            "{{ data.order | date }}",
            "channels.sms.text: line 1: needs a time: 2026-11-21T09:00:00Z, 2026-11-21, or seconds since 1970",
        ),
        ("{{ data.order | currency: 'EUR' }}", "channels.sms.text: line 1: needs a number"),
        ("{{ 1 | currency: 'XXXX' }}", "channels.sms.text: line 1: needs a currency: EUR, USD, JPY …"),
        ("\n{{ 1 | divided_by: 0 }}", "channels.sms.text: line 2: divided_by: can't divide by 0"),
        ("{{ 'a' | safe }}", "channels.sms.text: line 1: unknown filter 'safe'"),
        ("{% include 'x' %}", "channels.sms.text: line 1: unexpected tag 'include'"),
        ("\n{% render 'x' %}", "channels.sms.text: line 2: there is no partial 'x'"),
        ("{% render x %}", "channels.sms.text: line 1: render takes the name of a partial in quotes"),
        ("{% for i in (1..1001) %}{% endfor %}", "channels.sms.text: line 1: a range counts at most 1,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_told_with_its_line(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        text_of(source)
    assert str(refusal.value) == message


def test_a_failure_in_a_partial_names_it_and_no_value() -> None:
    made = template("\n{% render 'p' %}", p={"kind": "partial", "source": "\n\n{{ data.order | date }}"})
    with pytest.raises(TemplateError) as refusal:
        made.render("email", "html", CONTEXT, None)
    assert refusal.value.detail.startswith("line 3: needs a time")
    assert refusal.value.detail.endswith("(in p)")
    assert "4711" not in str(refusal.value)


LANGUAGES = Template(
    "t",
    {
        "t": {
            "channels": {"in_app": {"title": "en", "action_url": "/x"}, "email": {"subject": "en mail"}},
            "locales": {
                "pt": {"in_app": {"title": "pt"}, "email": {"subject": "pt mail"}},
                "pt-BR": {"in_app": {"title": "br"}},
                "ar": {"in_app": {"title": "{{ dir }}"}},
            },
        }
    },
)


@pytest.mark.parametrize(
    ("locale", "title", "subject", "language"),
    [
        (None, "en", "en mail", "en"),
        ("fr", "en", "en mail", "en"),
        ("en-GB", "en", "en mail", "en-GB"),
        ("pt", "pt", "pt mail", "pt"),
        ("pt_br", "br", "pt mail", "pt_br"),
        ("pt-PT", "pt", "pt mail", "pt-PT"),
        ("ar-EG", "rtl", "en mail", "ar-EG"),
    ],
)
def test_the_language_of_each_channel(locale: str | None, title: str, subject: str, language: str) -> None:
    assert LANGUAGES.render("in_app", "title", CONTEXT, locale) == title
    assert LANGUAGES.render("in_app", "action_url", CONTEXT, locale) == "/x"
    assert LANGUAGES.render("email", "subject", CONTEXT, locale) == subject
    assert LANGUAGES.language("in_app", locale) == language


@pytest.mark.parametrize("evil", EVIL)
def test_data_is_neither_liquid_nor_html(evil: str) -> None:
    assert text_of("{{ data.x }}", data={"x": evil}) == evil
    for source in (
        "{{ data.x }}",
        "{% capture c %}{{ data.x }}{% endcapture %}{{ c }}",
        "{% capture c %}{{ data.x }}{% endcapture %}{{ c | replace: '&lt;', '<' | replace: '&#39;', \"'\" }}",
        "{{ data.x | append: '' }}{{ '' | append: data.x }}{{ data.x | split: '' | join: '' }}",
        "{{ data.x | newline_to_br }}{{ data.x | escape }}{{ data.x | url_encode }}{{ data.x | upcase }}",
        "{% assign y = data.x %}{{ y | prepend: '<' }}{{ data.x | strip_html }}{{ data.x | default: 'y' }}",
        "{% render 'p', x: data.x %}",
    ):
        made = template(f'<p title="{source}">{source}</p>', p={"kind": "partial", "source": "{{ x }}"})
        html = made.render("email", "html", {**CONTEXT, "data": {"x": evil}}, None) or ""
        inside = html.removeprefix('<p title="').removesuffix("</p>")
        assert inside.count("<") == 0, (source, html)
        assert inside.count('"') == 1, (source, html)
        assert inside.count(">") == 1, (source, html)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
        "\x01javascript:x",
        "data:text/html,<script>", "vbscript:x", "//evil.example", "\\\\evil.example", "file:///etc/passwd", "blob:x",
        "&#106;avascript:alert(1)", "javascript&colon;alert(1)",
    ],
)  # fmt: skip
def test_no_value_leads_a_link_elsewhere(address: str) -> None:
    made = template("<a href=\"{{ data.u }}\">x</a><img src='{{ data.u }}'>")
    content = {"title": "t", "data": {"u": address}, "action_url": None}
    html = render(Letter("email", Reader("u"), content, made))["html"]
    assert '<a href="#">x</a>' in html
    assert '<img src="#">' in html


def test_links_that_may_lead_are_left_and_paths_are_completed() -> None:
    html = '<a href="https://x.example/?a=1&amp;b=2">a</a><a href="mailto:a@b.example">b</a><a href="/o/1">c</a>'
    assert safe_links(html, "https://app.example") == html.replace('"/o/1"', '"https://app.example/o/1"')


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("<p>\n<script>x</script>", "line 2: <script> has no place in a mail"),
        ("<iframe src='https://x.example'></iframe>", "line 1: <iframe> has no place in a mail"),
        ("<p onclick='x'>", "line 1: onclick= has no place in a mail"),
        ("<a href='javascript:x'>", "line 1: href= leads neither to http or https nor to mailto: or tel:"),
        ("<a href='&#106;ava\nscript:x'>", "line 1: href= leads neither to http or https nor to mailto: or tel:"),
        ("<img src=data:image/png;x>", "line 1: src= leads neither to http or https nor to mailto: or tel:"),
        ("<a href={{ data.u }}>", "line 1: the value of href= needs quotes"),
        ("<p {{ data.a }}>", "line 1: a value stands among the attributes of <p>: put it in quotes"),
        ("\n\n<{{ data.t }}>", "line 3: a tag's name comes from a value"),
        ("<p{{ data.t }}>", "line 1: a tag's name comes from a value"),
        ("{% if 1 %}\n<p {% echo data.x %}>{% endif %}", "line 2: a value stands among the attributes of <p>"),
        ("<a '", "line 1: the tag \"<a '\" does not end, or its quotes do not"),
        ("<!-- x", "line 1: the comment does not end"),
        ("<p style='color:{{ data.c }}'>", "line 1: a value in a style ends with the filter css"),
        ("<p style='{% echo data.c | css %}'>", "line 1: a value in a style ends with the filter css"),
        ("<style>\np{color:{{ data.c | css | upcase }}}</style>", "line 2: a value in a style ends"),
        ("<STYLE>p{}\n{{ data.c }}", "line 2: a value in a style ends with the filter css"),
        ("<{{ data.t | css }}>", "line 1: a tag's name comes from a value"),
        ("<p {{ data.t | css }}='x'>", "line 1: a value stands among the attributes of <p>"),
        ("<p class={{ data.t | css }}>", "line 1: the value of class= needs quotes"),
        ("<!--[if mso]><script>x</script><![endif]-->", "line 1: <script> has no place in a mail"),
        ("{{ dat.x }}", "line 1: there is no variable 'dat'"),
        ("{% render 'q' %}", "there is no published partial 'q'"),
        ("{% if x", "line 1: {% has no %}"),
    ],
)  # fmt: skip
def test_html_that_cannot_be_published(html: str, message: str) -> None:
    document = {"kind": "message", "channels": {"in_app": {"title": "t"}, "email": {"html": html}}}
    found = problems(document, {})
    assert [problem.path for problem in found] == ["channels.email.html"]
    assert found[0].detail.startswith(message)


def test_what_can_be_published() -> None:
    html = (
        "<!doctype html><style>p > a{color:red}</style><p {% if data.x %}class='a'{% endif %} "
        'style="color:{{ brand.color | css }}; width: {{ data.share | css}}">'
        '1 < 2 {% for i in items %}{{ i.title }}{{ forloop.index }}{% endfor %}<a href="{{ data.u }}?x=1">a</a>'
        "<a href=\"#top\">b</a>{% render 'p', x: 1 %}</p>"
    )
    document = {
        "kind": "message",
        "channels": {"in_app": {"title": "t", "action_url": "/x"}, "email": {"html": html, "layout": "l"}},
        "locales": {"de": {"email": {"layout": "l2"}}},
    }
    assert uses(document) == {"p", "l", "l2"}
    layout = {"kind": "layout", "source": "{{ content }}"}
    assert problems(document, {"p": {"kind": "partial", "source": ""}, "l": layout, "l2": layout}) == []
    missing = problems(document, {"l": {"kind": "partial", "source": ""}})
    assert [problem.path for problem in missing] == [
        "channels.email.html", "channels.email.layout", "locales.de.email.layout",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value", ["#0f766e", "#abc", "40%", "12.5px", "bold", "1px solid rgb(1, 2, 3)", "hsl(120 50% 50% / 0.5)", 40, 1.5]
)
def test_a_value_of_a_style_is_one(value: object) -> None:
    made = template("<p style='border: {{ data.x | css }}'>p</p>")
    html = render(Letter("email", Reader("u"), {"title": "t", "data": {"x": value}, "action_url": None}, made))["html"]
    assert f"border: {value}" in html


@pytest.mark.parametrize(
    "value",
    [
        "red;background:url(https://evil.example)", "url(x)", "expression(alert(1))", "}p{color:red", "red\nx:y", "'",
        '"', "\\75rl(x)", "/* */", "</style><script>", "@import", "", "a" * 41, "var(--x)", "é",
        "#12g", "rgb(var(--x))", None,
    ],
)  # fmt: skip
def test_a_value_of_a_style_is_nothing_else(value: str | None) -> None:
    made = template("<p style='border: {{ data.x | css }}'>p</p>")
    with pytest.raises(TemplateError, match=r"channels\.email\.html: line 1: css needs a colour") as caught:
        render(Letter("email", Reader("u"), {"title": "t", "data": {"x": value}, "action_url": None}, made))
    assert not value or len(value) == 1 or value not in str(caught.value)


def test_a_layout_has_a_place_for_the_content_and_links_are_links() -> None:
    assert [p.detail for p in problems({"kind": "layout", "source": "x"}, {})] == ["a layout writes {{ content }}"]
    document = {"kind": "message", "channels": {"in_app": {"title": "t", "action_url": "javascript:x"}}}
    assert problems(document, {})[0].path == "channels.in_app.action_url"


def test_nothing_renders_itself() -> None:
    assert renders_itself("a", {"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert renders_itself("a", {"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://u:p@evil.example/x y", "//evil.example", "x"])
def test_an_item_leads_to_no_address_that_is_none(url: str) -> None:
    made = Template("t", {"t": {"channels": {"in_app": {"title": "t", "action_url": "{{ data.u }}"}}}})
    with pytest.raises(TemplateError, match=r"channels\.in_app\.action_url"):
        render_item(made, {"data": {"u": url}}, Reader("u"), None)


def test_long_texts_are_cut_and_a_subject_is_one_line() -> None:
    channels = {"in_app": {"title": "{{ data.x }}", "body": "{{ data.x }}"}, "email": {"subject": "{{ data.y }}"}}
    made = Template("t", {"t": {"channels": channels}})
    data = {"x": "x" * 5_000, "y": "a\r\nBcc: eve@evil.example\x00\u2028b"}
    item = render_item(made, {"data": data}, Reader("u"), None)
    assert (len(item["title"]), len(item["body"]), item["action_url"]) == (255, 4_000, None)
    mail = render(Letter("email", Reader("u"), {**item, "data": data}, made))
    assert mail["subject"] == "a Bcc: eve@evil.example b"


def test_a_title_that_renders_to_nothing_is_an_error() -> None:
    made = Template("t", {"t": {"channels": {"in_app": {"title": "{{ recipient.name }}"}}}})
    with pytest.raises(TemplateError, match="is empty"):
        render_item(made, {}, Reader("u"), None)


def test_layouts_texts_and_styles_of_a_mail() -> None:
    layout = {
        "kind": "layout",
        "source": "<html><head><style>p{color:red}@media (max-width:9px){p{color:blue}}</style></head><body>"
        "<b>{{ subject }}</b>{{ content }}<a href=\"{{ unsubscribe_url }}\">u</a></body></html>",
    }  # fmt: skip
    texts = {"subject": "S & {{ data.x }}", "html": "<p>{{ data.x }}</p>"}

    def mail(**email: Any) -> dict[str, str]:
        document = {"channels": {"in_app": {"title": "t"}, "email": {**texts, **email}}}
        made = Template("t", {"t": document, "l": layout})
        content = {"title": "t", "data": {"x": "<x>"}}
        return render(Letter("email", Reader("u"), content, made, unsubscribe_url="https://hub.example/l/u/1"))

    own = mail(layout="l")
    assert '<b>S &amp; &lt;x&gt;</b><p style="color: red;">&lt;x&gt;</p>' in own["html"]
    assert "@media (max-width:9px)" in own["html"].replace(": 9px", ":9px")
    assert own["text"] == "<x>\n\n-- \nUnsubscribe: https://hub.example/l/u/1"
    bare = mail(layout=False)
    assert (bare["html"], bare["text"]) == ("<p>&lt;x&gt;</p>", "<x>")
    assert mail(text="T {{ data.x }}")["text"].startswith("T <x>\n\n-- ")
    plain = Template("t", {"t": {"channels": {"in_app": {"title": "t"}, "email": {"text": "only {{ data.x }}"}}}})
    assert render(Letter("email", Reader("u"), {"title": "t", "data": {"x": 1}}, plain)) == {
        "subject": "t", "text": "only 1",
    }  # fmt: skip


def test_channels_without_texts_say_what_the_item_says() -> None:
    made = Template("t", {"t": {"channels": {"in_app": {"title": "t"}}}})
    content = {"title": "T", "body": "B", "action_url": "/x"}
    assert render(Letter("web_push", Reader("u"), content, made)) == {"title": "T", "body": "B", "url": "/x"}
    assert render(Letter("sms", Reader("u"), content, made)) == {"text": "T\n\nB"}
    mail = render(Letter("email", Reader("u"), content, made))
    assert (mail["subject"], mail["text"]) == ("T", "T\n\nB")


def test_a_digest_is_its_templates_where_that_speaks_of_many() -> None:
    def push(title: str) -> dict[str, str]:
        made = Template("t", {"t": {"channels": {"in_app": {"title": "t"}, "web_push": {"title": title}}}})
        items = [{"title": f"i{n}", "action_url": "/p"} for n in range(4)]
        return render(Letter("web_push", Reader("u", locale="de"), items[0], made, count=7, items=items, gathered=True))

    assert push("{{ count }}: {{ items | map: 'title' | join: ', ' }}")["title"] == "7: i0, i1, i2, i3"
    assert push("one") == {
        "title": "7 neue Benachrichtigungen", "body": "i0\ni1\ni2\nund 4 weitere", "url": "/p",
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)
PARTS = st.sampled_from(
    [
        "{{ data.a }}",
        "{{ data.a | currency: 'EUR' }}",
        "{{ data.a | date }}",
        "{{ data.a | plural: other: 'x' }}",
        "{% if data.a",
        "{% for i in data.a %}{{ i }}{% endfor %}",
        "{{ data.a | sort | join: data.a }}",
        "{% render 'p', x: data.a %}",
        "<b>",
        "{{",
        "{% case data.a %}{% when data.b %}x{% endcase %}",
        "{{ data.a | truncate: data.b }}",
        "{{ data.a.b.c | default: data.b }}",
        "{% capture a %}{{ data.a }}{% endcapture %}{{ a | split: data.b }}",
        "{{ data.a | decimal: data.b }}",
        "%}",
        "\n",
        "'",
        "x",
        "{% if data.a contains data.b %}y{% endif %}",
        "{{ data.a | slice: data.b }}",
        "{{ data.a | times: data.b | round }}",
    ]
)


@given(st.lists(PARTS, max_size=6).map("".join), JSON, JSON)
def test_whatever_the_template_and_the_data_it_renders_or_says_where_it_fails(source: str, a: Any, b: Any) -> None:
    made = template(source, source, p={"kind": "partial", "source": "{{ x }}"})
    for channel in ("email", "sms"):
        for field in FIELDS[channel]:
            with suppress(TemplateError):
                made.render(channel, field, {**CONTEXT, "data": {"a": a, "b": b}}, "de")
