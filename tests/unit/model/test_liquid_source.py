"""What would keep the library's lexer busy for minutes is refused before it sees it; what means something is not."""

from __future__ import annotations

import time

import pytest

from hub.model.digest_key import check_key
from hub.model.liquid_source import Tag, tags
from hub.model.mail_html import check_html
from hub.model.template import Template
from hub.model.template_check import problems
from hub.model.template_text import TemplateError

LONG = 64 * 1024
SOURCES = {
    "braces": "{" * LONG,
    "openings of values": "{{" * (LONG // 2),
    "openings of tags": "{% a" * (LONG // 4),
    "raw without an end": "{% raw %}" * (LONG // 9),
    "braces in raw": "{% raw %}" + "{" * LONG + "{% endraw %}",
    "braces in a comment": "{% comment %}" + "{{" * (LONG // 2) + "{% endcomment %}",
    "spaces in a value": "{{" + " " * LONG + "}}",
    "spaces in a tag": "{% a" + " " * LONG,
    "spaces before raw": ("{%" + " " * 300 + "raw") * 200,
    "brackets": "{% if " + "(" * LONG + "a %}{% endif %}",
}
PATIENCE_SECONDS = 2.0  # of CPU; 0.1 in the worst case, and minutes without bounds


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_read_soon(name: str) -> None:
    document = {"kind": "message", "channels": {"in_app": {"title": "x"}, "email": {"html": SOURCES[name]}}}
    started = time.process_time()
    found = problems(document, {})
    assert time.process_time() - started < PATIENCE_SECONDS
    assert name == "braces in raw" or found[0].path == "channels.email.html"


def test_it_is_refused_with_its_line() -> None:
    made = Template("t", {"t": {"channels": {"sms": {"text": "a\nb {{ x"}}}})
    with pytest.raises(TemplateError, match=r"channels\.sms\.text: line 2: \{\{ has no \}\}"):
        made.render("sms", "text", {"timezone": "UTC"}, None)
    with pytest.raises(ValueError, match="more than 200 spaces"):
        check_key("{{" + " " * 900 + "}}")


def test_markup_is_found_as_the_library_finds_it() -> None:
    text = "a{{ b }}{%- if c -%}{% raw %}{{ d }}{% x {% endraw %}{% doc %}{{{% enddoc %}{{ '%}' }}"
    found = [(text[tag.start : tag.end], tag.name) for tag in tags(text)]
    assert found == [
        ("{{ b }}", None),
        ("{%- if c -%}", "if"),
        ("{% raw %}", "raw"),
        ("{% endraw %}", "endraw"),
        ("{% doc %}", "doc"),
        ("{% enddoc %}", "enddoc"),
        ("{{ '%}' }}", None),
    ]
    assert list(tags("no { markup } at all")) == []
    assert list(tags("{{x}}")) == [Tag(0, 5, None)]


def test_what_is_raw_is_looked_at_as_html() -> None:
    check_html("{% raw %}<b>{{ shown as it is }}</b>{% endraw %}")
    with pytest.raises(ValueError, match="<script> has no place"):
        check_html("{% raw %}{{{% endraw %}<script>{% raw %}}}{% endraw %}")
