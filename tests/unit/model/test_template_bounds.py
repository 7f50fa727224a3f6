"""Templates that try to take long: each is refused, or ends soon."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from benchmarks.rendering import HOSTILE, cases, hostile_seconds
from hub.model.template import Template
from hub.model.template_text import TemplateError

PATIENCE_SECONDS = 2.0  # of CPU; 0.07 in the worst case (benchmarks/rendering.py), and for ever without bounds


@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends_soon(name: str) -> None:
    seconds, _ = hostile_seconds(HOSTILE[name])
    assert seconds < PATIENCE_SECONDS


@pytest.mark.parametrize("name", HOSTILE)
def test_an_items_text_has_less(name: str) -> None:
    made = Template("t", {"t": {"channels": {"in_app": {"title": HOSTILE[name]}}}})
    with suppress(TemplateError):
        assert (
            len(made.render("in_app", "title", {"data": {"long": "x" * 16_000}, "timezone": "UTC"}, None) or "")
            < 20_000
        )


def test_partials_share_the_budget_and_do_not_recurse() -> None:
    documents: dict[str, Any] = {
        "t": {"channels": {"sms": {"text": "{% for i in (1..1000) %}{% render 'a' %}{% endfor %}"}}},
        "a": {"kind": "partial", "source": "{% for i in (1..1000) %}{% render 'b' %}{% endfor %}"},
        "b": {"kind": "partial", "source": "{% render 'b' %}"},
    }
    with pytest.raises(TemplateError):
        Template("t", documents).render("sms", "text", {"timezone": "UTC"}, None)
    documents["t"] = {"channels": {"sms": {"text": "{% render 'b' %}"}}}
    with pytest.raises(TemplateError, match="possible recursive render"):
        Template("t", documents).render("sms", "text", {"timezone": "UTC"}, None)


@pytest.mark.parametrize("name", cases())
def test_what_is_measured_renders(name: str) -> None:
    assert cases()[name]()
