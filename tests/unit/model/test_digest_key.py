"""Keys of digests: what is a template, what it renders to, and what it may cost."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.digest_key import MAX_KEY_BYTES, check_key, render_key

CONTEXT: dict[str, Any] = {
    "data": {"post": 42, "kind": "Comment", "title": "Fix the login", "list": list(range(100)), "long": "x" * 16_000},
    "category": "blog.comments",
    "actor": "ada",
    "tenant": None,
    "tags": ["b", "a"],
    "thread_key": "t",
}


@pytest.mark.parametrize(
    "template, key",
    [
        ("", ""),
        ("comments", "comments"),
        ("{{ data.post }}", "42"),
        ("{{ data['post'] }}/{{ tags[0] }}/{{ tags.size }}", "42/b/2"),
        ("{{ tags | sort | join: ',' }}", "a,b"),
        ("{{ data.title | downcase | replace: ' ', '-' | truncate: 7, '' }}", "fix-the"),
        ("{% if tenant %}{{ tenant }}{% else %}none{% endif %}", "none"),
        ("{% case data.kind %}{% when 'Comment' %}c{% else %}o{% endcase %}", "c"),
        ("{% for tag in tags %}{{ forloop.index }}{{ tag }}{% endfor %}", "1b2a"),
        ("{% assign x = data.post | plus: 1 %}{{ x }}", "43"),
        ("{{ nothing.of.this }}{{ data.nor.that | upcase }}", ""),
        ("{{ now }}{{ today }}", ""),
        ("ä{{ data.post }}ü", "ä42ü"),
    ],
)
def test_keys(template: str, key: str) -> None:
    check_key(template)
    assert render_key(template, CONTEXT) == key


@pytest.mark.parametrize(
    "template, message",
    [
        ("{{ data.post", "line 1: {{ has no }}"),
        ("a\n\n{% if %}b{% endif %}", "line 3: missing expression"),
        ("{% if a %}", "line 1: expected tag endif, found the end of the text"),
        ("{% nope %}", "line 1: unexpected tag 'nope'"),
        ("{% include 'x' %}", "line 1: unexpected tag 'include'"),
        ("{% render 'x' %}", "line 1: unexpected tag 'render'"),
        ("a\n{{ data.at | date: '%Y' }}", "line 2: unknown filter 'date'"),
        ("{% liquid\n echo 1\n echo 2 | nope\n%}", "line 3: unknown filter 'nope'"),
        ("{% if a %}\n{% elsif (1..9) contains 'x' %}{% endif %}", "line 2: a key takes no ranges"),
        ("{% for i in (1..1000000000) reversed %}{% endfor %}", "line 1: a key takes no ranges"),
        ("{% cycle 'a', (1..3) %}", "line 1: a key takes no ranges"),
        ("{{ a if b else c }}", "line 1: disallowed ternary expression"),
        ("a\n{{ }}", "expected a primitive expression, found the end of the text"),
    ],
)
def test_what_is_no_template_is_told_with_its_line(template: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        check_key(template)
    assert str(refusal.value) == message
    assert render_key(template, CONTEXT) == ""


@pytest.mark.parametrize(
    "template",
    [
        "{{ data.long }}",
        "{% for a in data.list %}{% for b in tags %}{% endfor %}{% endfor %}x",
        "{{ data.long | replace: 'x', data.long | size }}",
        "{{ data.long | split: 'y' | join: data.long | size }}",
        "{% assign a = data.long %}{% for i in data.list %}{% assign a = a | append: a %}{% endfor %}x",
        "{% assign a = 9 %}{% for i in data.list %}{% assign a = a | times: a %}{% endfor %}x",
        "{% assign a = 1 %}{% for i in data.list %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}",
        "{{ data.post | divided_by: 0 }}",
        "{{ data.post | plus: 'x' }}{{ data.title | slice: 'x' }}",
        "{{" + "a[" * 300 + "1" + "]" * 300 + "}}",
    ],
)
def test_past_a_limit_there_is_no_key_and_it_is_known_soon(template: str) -> None:
    check_key(template)
    started = time.perf_counter()
    assert render_key(template, CONTEXT) == ""
    assert time.perf_counter() - started < 1.0  # unbounded, the third takes minutes and the memory of the machine


def test_a_key_is_at_most_as_long_as_its_column_takes() -> None:
    assert len(render_key("{{ data.long | truncate: 1000, '' }}", CONTEXT)) == MAX_KEY_BYTES
    assert render_key("{{ data.long | truncate: 1001, '' }}", CONTEXT) == ""
    assert render_key("ä{{ data.long | truncate: 999, '' }}", CONTEXT) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)
VALUES = st.sampled_from(["data.a", "data.b.c", "data", "tags", "'x'", "7", "nil", "x", "data.a[0]", "data.b.first"])
TEXT_FILTERS = ["append: data.a", "capitalize", "remove: data.a", "replace: data.a, data.b", "slice: data.a, data.b"]
TEXT_FILTERS += ["split: data.a", "squish", "strip", "truncate: data.a", "truncatewords: data.b", "upcase"]
NUMBER_FILTERS = ["abs", "ceil", "divided_by: data.a", "floor", "minus: data.b", "modulo: data.a", "plus: data.a"]
NUMBER_FILTERS += ["round", "times: data.a", "default: data.b", "size"]
LIST_FILTERS = ["compact", "first", "join: data.a", "last", "map: 'a'", "reverse", "sort", "sort: 'a'", "sort_natural"]
LIST_FILTERS += ["sum", "uniq", "where: 'a', data.b"]
FILTERS = st.sampled_from([*TEXT_FILTERS, *NUMBER_FILTERS, *LIST_FILTERS])
EXPRESSIONS = st.builds(lambda value, filters: " | ".join([value, *filters]), VALUES, st.lists(FILTERS, max_size=4))
PARTS = st.one_of(
    EXPRESSIONS.map(lambda e: f"{{{{ {e} }}}}"),
    EXPRESSIONS.map(lambda e: f"{{% assign x = {e} %}}"),
    st.builds(lambda v, e: f"{{% for i in {v} %}}{{{{ {e} }}}}{{% endfor %}}", VALUES, EXPRESSIONS),
    st.builds(lambda a, b: f"{{% if {a} contains {b} %}}1{{% elsif {a} < {b} %}}2{{% endif %}}", VALUES, VALUES),
    st.text("{}%|'\\n ax", max_size=8),
)


@given(st.lists(PARTS, max_size=5).map("".join), JSON, JSON)
def test_whatever_the_template_and_the_data_there_is_one_storable_key(template: str, a: Any, b: Any) -> None:
    context = {**CONTEXT, "data": {"a": a, "b": b}}
    key = render_key(template, context)
    assert len(key.encode()) <= MAX_KEY_BYTES
    assert render_key(template, context) == key
    if key:
        check_key(template)
