"""Who decides about a channel: the table of precedence, and the layers as they are stored."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.decide import ItemState, Presence, Skip, decide
from hub.model.policy import Policy, Step
from hub.model.preferences import (
    NOTHING,
    CategoryChoice,
    Layer,
    Layers,
    Preferences,
    QuietHours,
    Verdict,
    parse_preferences,
    resolve,
)
from hub.model.reason import Reason
from hub.model.routing import Addressee, Order, Rules, situation
from hub.model.weekly import Appointment, Window

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def policy(default: Any = "opted_in", kind: Any = "transactional") -> Policy:
    return Policy("x", default, kind, (Step("in_app"), Step("email")))


def said(enabled: bool | None = None, email: bool | None = None, **channels: bool) -> Preferences:
    """A layer: `enabled` and `email` for the category, `channels` altogether."""
    choice = CategoryChoice(enabled, {} if email is None else {"email": email})
    return Preferences(channels=channels, categories={"x": choice})


@pytest.mark.parametrize(
    ("layers", "default", "wanted"),
    [
        (Layers(), "opted_in", Verdict(Layer.CATEGORY)),
        (Layers(), "opted_out", Verdict(Layer.CATEGORY, Reason.NOT_OPTED_IN)),
        (Layers(said(enabled=False, email=True)), "opted_in", Verdict(Layer.PERSON, Reason.CATEGORY_OFF)),
        (Layers(said(email=False)), "opted_in", Verdict(Layer.PERSON, Reason.CHANNEL_OFF)),
        (Layers(said(email=True)), "opted_out", Verdict(Layer.PERSON)),
        (Layers(said(enabled=True)), "opted_out", Verdict(Layer.PERSON)),
        (Layers(Preferences(channels={"email": True})), "opted_out", Verdict(Layer.CATEGORY, Reason.NOT_OPTED_IN)),
        (Layers(Preferences(channels={"email": True}), project=said(email=True)), "opted_out", Verdict(Layer.PERSON)),
        (Layers(Preferences(channels={"email": False})), "opted_in", Verdict(Layer.PERSON, Reason.CHANNEL_OFF)),
        (Layers(Preferences(channels={"web_push": False})), "opted_in", Verdict(Layer.CATEGORY)),
        (Layers(said(enabled=True, email=None), project=said(enabled=False)), "opted_in", Verdict(Layer.PERSON)),
        (Layers(said(email=True), project=Preferences(channels={"email": False})), "opted_in", Verdict(Layer.PERSON)),
        (Layers(NOTHING, said(enabled=False)), "opted_in", Verdict(Layer.TENANT, Reason.CATEGORY_OFF)),
        (Layers(NOTHING, said(enabled=True), said(enabled=False)), "opted_in", Verdict(Layer.TENANT)),
        (Layers(NOTHING, NOTHING, said(email=False)), "opted_in", Verdict(Layer.PROJECT, Reason.CHANNEL_OFF)),
        (
            Layers(Preferences(channels={"email": True}), said(enabled=False)),
            "opted_in",
            Verdict(Layer.TENANT, Reason.CATEGORY_OFF),
        ),
        (
            Layers(said(enabled=True), NOTHING, Preferences(channels={"email": False})),
            "opted_in",
            Verdict(Layer.PROJECT, Reason.CHANNEL_OFF),
        ),
    ],
)
def test_who_decides(layers: Layers, default: str, wanted: Verdict) -> None:
    assert resolve(policy(default), layers, "email") == wanted


choices = st.none() | st.booleans()
layer = st.builds(
    lambda enabled, email, channel: Preferences(
        channels={} if channel is None else {"email": channel},
        categories={"x": CategoryChoice(enabled, {} if email is None else {"email": email})},
    ),
    choices,
    choices,
    choices,
)


@given(layer, layer, layer, st.sampled_from(["opted_in", "opted_out"]))
def test_the_first_layer_that_says_no_or_nobody(
    person: Preferences, tenant: Preferences, project: Preferences, default: str
) -> None:
    """The same from the other end: what each question comes to by itself."""
    layers = (person, tenant, project)
    choices = [layer.categories["x"] for layer in layers]
    specific = [choice.channels.get("email") for choice in choices]
    channel = [a if a is not None else layer.channels.get("email") for a, layer in zip(specific, layers, strict=True)]
    first = next((n for n, value in enumerate(channel) if value is not None), 3)
    channel_on = first == 3 or channel[first] is True
    category_on: bool | None = None
    for number, choice in enumerate(choices):
        if choice.enabled is False:
            category_on = False
        elif choice.enabled is True or specific[number] is True:
            category_on = True
        if category_on is not None or (first == number and channel[number] is False):
            break
    on = channel_on and (category_on if category_on is not None else default == "opted_in")
    if category_on is False:
        on = False
    assert resolve(policy(default), Layers(*layers), "email").on is on


@given(layer, layer, layer, st.booleans())
def test_required_is_never_suppressed(
    person: Preferences, tenant: Preferences, project: Preferences, paused: bool
) -> None:
    if paused:
        person = Preferences(NOW + timedelta(days=1), person.channels, (), person.categories)
    rules = Rules(policy("required"), tenant, project, providers=frozenset({"email"}), everyone_reachable=True)
    asked = situation(
        Step("email"), Order(NOW), rules, Addressee(person), NOW, item=ItemState(), presence=Presence("active")
    )
    assert not isinstance(decide(asked, NOW), Skip)


@pytest.mark.parametrize(
    ("consents", "channel", "on"),
    [
        ({}, "email", False),
        ({}, "in_app", True),
        ({"x": {"granted": True}}, "email", True),
        ({"marketing": {"granted": True}}, "email", True),
        ({"marketing": {"granted": True}, "x": {"granted": False}}, "email", False),
        ({"x": {"granted": True, "channels": ["web_push"]}}, "email", False),
        ({"x": {"granted": True, "channels": ["email"]}}, "email", True),
    ],
)
def test_marketing_needs_a_consent(consents: dict[str, Any], channel: str, on: bool) -> None:
    verdict = resolve(policy(kind="marketing"), Layers(Preferences(consents=consents)), channel)
    assert verdict.on is on
    assert on or verdict == Verdict(Layer.PERSON, Reason.NO_CONSENT)


def test_a_pause_is_the_uppermost_layers() -> None:
    later, before = NOW + timedelta(days=1), NOW - timedelta(days=1)
    assert Layers().paused_by(NOW) is None
    assert Layers(Preferences(later)).paused_by(NOW) is Layer.PERSON
    assert Layers(NOTHING, NOTHING, Preferences(later)).paused_by(NOW) is Layer.PROJECT
    assert Layers(Preferences(before), NOTHING, Preferences(later)).paused_by(NOW) is None


def test_every_field_as_it_is_stored() -> None:
    stored = {
        "paused_until": "2026-11-26T00:00:00.000Z",
        "channels": {"email": True},
        "channel_order": ["email", "web_push"],
        "categories": {"x": {"enabled": False, "channels": {"email": True}}, "y": {}},
        "quiet_hours": {"timezone": "Europe/Berlin", "weekly": [{"days": [1, 7], "from": "22:00", "to": "07:00"}]},
        "digest": {"schedule": [{"days": [5], "at": "16:30"}]},
        "delegate": "bob",
        "consents": {"marketing": {"granted": True}},
    }
    assert parse_preferences(stored) == Preferences(
        datetime(2026, 11, 26, tzinfo=UTC),
        {"email": True},
        ("email", "web_push"),
        {"x": CategoryChoice(False, {"email": True}), "y": CategoryChoice()},  # noqa: FBT003
        QuietHours((Window((1, 7), time(22), time(7)),), "Europe/Berlin"),
        (Appointment((5,), time(16, 30)),),
        "bob",
        {"marketing": {"granted": True}},
    )
    assert parse_preferences({}) is NOTHING
    assert parse_preferences(None) is NOTHING


def test_quiet_hours_and_schedule_come_whole_from_one_layer() -> None:
    mine, theirs = QuietHours(()), QuietHours((Window((1,), time(1), time(2)),))
    assert Layers(Preferences(quiet_hours=mine), Preferences(quiet_hours=theirs)).quiet_hours == (Layer.PERSON, mine)
    assert Layers(NOTHING, Preferences(quiet_hours=theirs)).quiet_hours == (Layer.TENANT, theirs)
    for person, project in itertools.product([(), ("email",)], [(), ("web_push",)]):
        layers = Layers(Preferences(channel_order=person), NOTHING, Preferences(channel_order=project))
        assert layers.channel_order == (person or project)
