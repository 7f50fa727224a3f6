"""What rendering costs: `python -m benchmarks.rendering` prints µs of CPU a message, and the worst templates found.

2026-11-26, one core of a 2-core machine, CPython 3.11:

| what                                                                  | µs     |
|-----------------------------------------------------------------------|--------|
| a push of plain texts                                                 | 2      |
| a mail of plain texts                                                 | 80     |
| a mail of a template: 15 values, two dates, an amount, a list of five | 260    |
| the same with a style sheet of its own, inlined                       | 350    |
| a digest of a hundred without a template                              | 1,250  |
| the worst template of 64 KiB (a loop after the other), refused        | 65,000 |
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from hub.model.brand import Brand
from hub.model.reader import Reader
from hub.model.rendering import Letter, item_of, render
from hub.model.template import Template
from hub.model.template_text import TemplateError

BRAND = Brand("Acme", "https://app.example.com", None, "#0b7285", "Acme GmbH, Hauptstr. 1, 10115 Berlin", None)
READER = Reader("ada", "Ada Lovelace", "ada@example.com", "en-GB", "Europe/London")
DATA: dict[str, Any] = {
    "order": "4711",
    "total": 1234.5,
    "at": "2026-11-21T23:30:00Z",
    "lines": [{"name": f"Thing {n}", "count": n, "price": 10.5 * n} for n in range(5)],
}
HTML = """<h1>Hello {{ recipient.name }}</h1>
<p>Your order {{ data.order }} of {{ data.total | currency: 'EUR' }} arrives {{ data.at | date: 'full' }}.</p>
<ul>{% for line in data.lines %}<li>{{ line.name }} × {{ line.count }}</li>{% endfor %}</ul>
<p><a href="{{ action_url }}">Track</a> · {{ data.at | datetime }}</p>"""
STYLE = "<style>h1{font-size:20px}p,li{color:#333;line-height:1.5}a{color:#0b7285}</style>"


def template(html: str, **more: Any) -> Template:
    """A message whose mail is this."""
    texts = {
        "in_app": {"title": "Order {{ data.order }}"},
        "email": {"subject": "Order {{ data.order }}", "html": html},
    }
    return Template("order", {"order": {"kind": "message", "channels": {**texts, **more}}})


def letter(channel: str = "email", **more: Any) -> Letter:
    """What one message is made of."""
    content = {"title": "Your order has shipped", "body": "It arrives on Thursday.", "action_url": "/o/1", "data": DATA}
    links: Any = dict.fromkeys(("unsubscribe_url", "preferences_url"), "https://hub.example.com/l/u/" + "x" * 120)
    return Letter(channel, READER, content, brand=BRAND, created_at="2026-11-26T09:00:00.000Z", **links, **more)


def cases() -> dict[str, Callable[[], object]]:
    """Each renders one message."""
    item = item_of(letter().content, None)
    plain, styled = template(HTML), template(STYLE + HTML)
    return {
        "push": lambda: render(letter("web_push")),
        "mail": lambda: render(letter()),
        "mail of a template": lambda: render(letter(template=plain)),
        "mail of a template with styles": lambda: render(letter(template=styled)),
        "digest of 100": lambda: render(letter(count=250, items=[item] * 100, gathered=True)),
    }


def micros(call: Callable[[], object], rounds: int = 500) -> float:
    """µs of CPU a call, the second time and later."""
    call()
    started = time.process_time()
    for _ in range(rounds):
        call()
    return (time.process_time() - started) / rounds * 1e6


LONG = "x" * 16_000
WORST_DATA: Mapping[str, Any] = {
    "long": LONG,
    "list": [0] * 7_900,
    "same": [0] * 7_900,
    "words": [f"w{n}" for n in range(1_000)],
    "deep": [[[[n]]] for n in range(1_000)],
}
HOSTILE = {
    "loops after loops": "{% for i in (1..1000) %}{{ i }}{% endfor %}" * 900,
    "loops in loops": "{% for i in (1..31) %}{% for j in (1..31) %}{{ j }}{% endfor %}{% endfor %}" * 500,
    "empty branches": "{% for i in (1..1000) %}" + "{% if i == 0 %}{% endif %}" * 1_500 + "{% endfor %}",
    "elsif": "{% for i in (1..1000) %}{% if false %}" + "{% elsif i == 0 %}" * 1_500 + "{% endif %}{% endfor %}",
    "assigning": "{% for i in (1..1000) %}{% assign a = 1 %}{% assign b = 1 %}{% endfor %}" * 700,
    "long conditions": "{% for i in (1..1000) %}{% if " + " or ".join(["i == 0"] * 150) + " %}{% endif %}{% endfor %}",
    "comparing lists": "{% for i in (1..1000) %}{% if data.list == data.same %}{% endif %}{% endfor %}",
    "contains in lists": "{% if data.list contains 'y' %}{% endif %}" * 1_000,
    "contains in texts": "{% for i in (1..1000) %}{% if data.long contains 'xxxxxxxy' %}{% endif %}{% endfor %}",
    "sorting": "{{ data.list | sort | size }}" * 1_000,
    "sorting texts": "{{ data.words | sort_natural | size }}" * 1_000,
    "summing": "{{ data.list | sum }}" * 1_000,
    "unique": "{{ data.words | uniq | size }}" * 10,
    "splitting": "{{ data.long | split: '' | size }}" * 1_000,
    "replacing": "{{ data.long | replace: 'x', data.long | size }}",
    "doubling": "{% assign a = data.long %}" + "{% assign a = a | append: a %}" * 100,
    "multiplying": "{% assign a = 9 %}" + "{% assign a = a | times: a %}" * 100 + "{{ a }}",
    "ranges": "{% assign r = (1..1000) %}" + "{{ r | join: '' | size }}" * 1_000,
    "wide range": "{% for i in (1..100000000) %}{% endfor %}",
    "dates": "{{ 0 | datetime: 'full' }}" * 2_000,
    "money": "{{ 1234567.891 | currency: 'EUR' }}" * 2_000,
    "captures": "{% capture a %}" + "x" * 1_000 + "{% endcapture %}" * 1
    + "{% for i in (1..1000) %}{% capture b %}{{ a }}{% endcapture %}{% endfor %}",
    "output": "{{ data.long }}" * 3_000,
    "long paths": "{{ data" + "['deep'][0]" * 5_000 + " }}",
    "nested brackets": "{{" + "a[" * 3_000 + "1" + "]" * 3_000 + "}}",
    "styles": "<style>" + "".join(f".a{n} .b{n} > p:nth-child({n}){{color:red}}" for n in range(300)) + "</style>"
    + "<p>x</p>" * 3_000,
    "unclosed tags": "<a '" * 15_000,
    "quotes": "<a href=\"" * 7_000,
}  # fmt: skip
"""Templates of up to 64 KiB that try to take long."""


def hostile_seconds(source: str) -> tuple[float, str]:
    """Seconds of CPU of one rendering, parsed already, and what came of it."""
    made = template(source)
    given = letter(template=made)
    given.content = {**given.content, "data": {"order": 1, **WORST_DATA}}
    try:
        made.names("email", None)
    except TemplateError as error:
        return 0.0, f"no template: {error.detail}"
    started = time.process_time()
    try:
        outcome = f"{len(render(given)['html'])} characters"
    except TemplateError as error:
        outcome = error.detail
    return time.process_time() - started, outcome


def main() -> None:
    for name, call in cases().items():
        sys.stdout.write(f"{name:40} {micros(call):8.0f} µs\n")
    for name, source in HOSTILE.items():
        seconds, outcome = hostile_seconds(source)
        sys.stdout.write(f"{name:40} {seconds * 1000:8.1f} ms  {outcome[:80]}\n")


if __name__ == "__main__":
    main()
