"""Layers of preferences: what is stored of what was said."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api.merge_patch import merge_patch
from hub.api.preference_schema import DEFAULTS, MAX_DOCUMENT_BYTES, PERSON, LayerShape, opted_out, revise
from hub.exceptions import Invalid
from hub.model.policy import CHANNELS, parse_policy
from hub.model.preferences import Layers, parse_preferences, resolve
from hub.store.categories import GENERAL_POLICY
from tests.support.preference_documents import DEFAULT_DOCUMENTS, MOMENTS, NAMES, OWN, PERSON_DOCUMENTS, SHARED, TIMES

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT = "2026-11-25T12:00:00.000Z"
BEFORE = "2026-11-01T12:00:00.000Z"


def said(body: Any, stored: dict[str, Any] | None = None, source: str | None = None) -> dict[str, Any]:
    return revise(PERSON, stored or {}, PERSON.patch.validate(body), NOW, source=source)


@pytest.mark.parametrize(
    "stored, patch, source, consent",
    [
        (None, {"granted": True}, None, {"granted": True, "at": AT}),
        (None, {"granted": True}, "person", {"granted": True, "at": AT, "source": "person"}),
        (
            None,
            {"granted": True, "source": None, "at": None},
            "person",
            {"granted": True, "at": AT, "source": "person"},
        ),
        (
            None,
            {"granted": True, "source": "form", "at": "2026-11-01T13:00:00+01:00"},
            "person",
            {"granted": True, "at": BEFORE, "source": "form"},
        ),
        ({"granted": True, "at": BEFORE}, {"granted": True}, "person", {"granted": True, "at": BEFORE}),
        (
            {"granted": True, "at": BEFORE, "source": "form"},
            {"granted": False},
            "person",
            {"granted": False, "at": AT, "source": "person"},
        ),
        ({"granted": False, "at": BEFORE, "source": "form"}, {"granted": True}, None, {"granted": True, "at": AT}),
        (
            {"granted": True, "at": BEFORE, "source": "form"},
            {"channels": ["email"]},
            None,
            {"granted": True, "at": AT, "channels": ["email"]},
        ),
        (
            {"granted": True, "at": BEFORE, "channels": ["email"]},
            {"source": "form"},
            "person",
            {"granted": True, "at": BEFORE, "channels": ["email"], "source": "form"},
        ),
        ({"granted": True, "at": BEFORE}, {"at": None}, None, {"granted": True, "at": AT}),
    ],
)
def test_an_answer_is_recorded_when_it_is_new(
    stored: dict[str, Any] | None, patch: dict[str, Any], source: str | None, consent: dict[str, Any]
) -> None:
    other = {"granted": False, "at": BEFORE, "source": "form"}
    before = {"consents": {"other": other} | ({} if stored is None else {"x": stored})}
    after = said({"consents": {"x": patch}}, before, source)
    assert after == {"consents": {"other": other, "x": consent}}


def test_the_largest_document_fits_exactly() -> None:
    names: dict[str, Any] = {f"{index:03}{'n' * 250}": {} for index in range(252)}
    document = {"consents": {"x": {"granted": True}}, "categories": names, "delegate": "d"}
    rest = MAX_DOCUMENT_BYTES - len(msgspec.json.encode(said(document)))
    assert 0 < rest < 254  # what a name has room for
    assert said({**document, "delegate": "d" * (rest + 1)})["delegate"] == "d" * (rest + 1)
    with pytest.raises(Invalid) as refusal:
        said({**document, "delegate": "d" * (rest + 2)})
    assert [(error.path, error.code) for error in refusal.value.errors] == [("", "too_large")]


def test_opt_outs_by_category() -> None:
    body = {
        "a": {"enabled": False},
        "b": {"enabled": True, "channels": {"email": False, "in_app": True, "web_push": None}},
        "c": None,
        "d": {"enabled": None, "channels": None},
    }
    assert opted_out({"categories": body}) == {"a": ["categories.a.enabled"], "b": ["categories.b.channels.email"]}
    assert opted_out({}) == opted_out({"categories": None}) == {}


# Any document


@given(PERSON_DOCUMENTS, DEFAULT_DOCUMENTS, DEFAULT_DOCUMENTS)
def test_what_is_stored_is_what_was_said_and_what_the_model_reads(
    person: dict[str, Any], tenant: dict[str, Any], project: dict[str, Any]
) -> None:
    stored = []
    for shape, document in ((PERSON, person), (DEFAULTS, tenant), (DEFAULTS, project)):
        assert revise(shape, {}, shape.patch.validate(document), NOW) == document
        assert revise(shape, document, {}, NOW) == document
        stored.append(msgspec.json.decode(msgspec.json.encode(document)))
    layers = Layers(*map(parse_preferences, stored))
    for name in ("general", *person.get("categories", ())):
        for channel in CHANNELS:
            resolve(parse_policy(name, GENERAL_POLICY), layers, channel)
    assert layers.person.delegate == person.get("delegate")
    assert (layers.quiet_hours is None) == all("quiet_hours" not in document for document in stored)


@given(PERSON_DOCUMENTS, PERSON_DOCUMENTS)
def test_a_patch_says_what_it_names_and_leaves_the_rest(before: dict[str, Any], patch: dict[str, Any]) -> None:
    after = said(patch, before)
    expected = merge_patch(before, patch)
    for document in (after, expected):
        for consent in document.get("consents", {}).values():
            consent.pop("source", None)
    assert after == expected


FIELDS = st.sampled_from(
    [
        *SHARED,
        *OWN,
        *CHANNELS,
        "enabled",
        "weekly",
        "timezone",
        "days",
        "from",
        "to",
        "at",
        "schedule",
        "granted",
        "source",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 9) | NAMES | TIMES | MOMENTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS | NAMES, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("shape", [PERSON, DEFAULTS], ids=["person", "defaults"])
@given(data=st.data())
def test_whatever_is_said_is_stored_whole_or_refused(shape: LayerShape, data: st.DataObject) -> None:
    stored, body = data.draw(PERSON_DOCUMENTS if shape is PERSON else DEFAULT_DOCUMENTS), data.draw(JSON)
    with contextlib.suppress(Invalid):
        document = revise(shape, stored, shape.patch.validate(body), NOW)
        assert revise(shape, document, {}, NOW) == document
        assert b"null" not in msgspec.json.encode({**document, "categories": {}, "consents": {}, "delegate": ""})
        parse_preferences(document)
