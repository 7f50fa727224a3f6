"""Switches become preferences: what is moved holds afterwards, what is not moved stays, and little is said for it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.api.choosing import Moved, View, patch_for
from hub.api.merge_patch import merge_patch
from hub.model.policy import OUTSIDE_CHANNELS, Policy, Step

CHANNELS = ("in_app", "web_push", "email")
LADDER = tuple(Step(channel) for channel in CHANNELS)


def policy(category: str, default: str = "opted_in", kind: str = "transactional") -> Policy:
    return Policy(category, default, kind, LADDER)  # type: ignore[arg-type]


POLICIES = {
    "orders": policy("orders"),
    "tips": policy("tips", "opted_out"),
    "security": policy("security", "required"),
    "news": policy("news", kind="marketing"),
}


def view(person: dict[str, Any] | None = None, project: dict[str, Any] | None = None) -> View:
    return View(person or {}, project or {}, POLICIES)


def after(start: View, moved: Moved) -> View:
    return start._replace(person=merge_patch(start.person, patch_for(start, moved)))


def test_off_is_said_for_the_channel_and_on_takes_it_back() -> None:
    off = Moved({("orders", "email"): False})
    assert patch_for(view(), off) == {"categories": {"orders": {"channels": {"email": False}}}}
    stopped = after(view(), off)
    assert patch_for(stopped, off) == {}
    back = after(stopped, Moved({("orders", "email"): True}))
    assert back.person == {"categories": {"orders": {"channels": {}}}}


def test_on_is_said_where_taking_back_is_not_enough() -> None:
    on = Moved({("tips", "email"): True})
    assert patch_for(view(), on) == {"categories": {"tips": {"channels": {"email": True}}}}
    against = view({"categories": {"orders": {"channels": {"email": False}}}}, {"channels": {"email": False}})
    assert after(against, Moved({("orders", "email"): True})).switches()["orders", "email"]


def test_required_categories_have_no_switch() -> None:
    moved = Moved({("security", "email"): False}, stopped=(("security", "email"),))
    assert patch_for(view(), moved) == {}


def test_stopping_is_said_even_where_it_is_off_already() -> None:
    off = view({"channels": {"email": False}})
    assert patch_for(off, Moved(stopped=(("orders", "email"),))) == {
        "categories": {"orders": {"channels": {"email": False}}}
    }


def test_what_is_left_of_a_consent_keeps_its_time_and_source() -> None:
    given = {"granted": True, "at": "2026-11-01T09:00:00.000Z", "source": "form"}
    stopped = after(view({"consents": {"news": given}}), Moved(stopped=(("news", "email"),)))
    assert stopped.person["consents"]["news"] == {**given, "channels": ["web_push", "sms"]}
    again = patch_for(stopped, Moved({("news", "email"): True}))
    assert "at" not in again["consents"]["news"], "what is given anew is given now"


def test_consent_to_marketing_follows_its_switches() -> None:
    granted = after(view(), Moved({("news", "email"): True}))
    assert granted.person["consents"] == {"news": {"granted": True, "channels": ["email"]}}
    withdrawn = after(granted, Moved(stopped=(("news", "email"),)))
    assert withdrawn.person["consents"] == {"news": {"granted": False}}
    assert withdrawn.person["categories"]["news"] == {"channels": {"email": False}}
    to_all = view({"consents": {"marketing": {"granted": True}}})
    rest = [channel for channel in OUTSIDE_CHANNELS if channel != "email"]
    without = after(to_all, Moved(stopped=(("news", "email"),)))
    assert without.person["consents"]["news"] == {"granted": True, "channels": rest}
    assert without.switches()["news", "web_push"]
    assert not without.switches()["news", "email"]


def test_a_category_that_was_off_comes_back_only_where_it_is_switched_on() -> None:
    start = view({"categories": {"orders": {"enabled": False}}})
    back = after(start, Moved({("orders", "email"): True})).switches()
    assert {channel: back["orders", channel] for channel in CHANNELS} == {
        "in_app": False, "web_push": False, "email": True,
    }  # fmt: skip


def test_no_email_at_all_means_none_and_later_choices_win_over_it() -> None:
    chosen = view({"categories": {"tips": {"channels": {"email": True}}}})
    silent = after(chosen, Moved(channels={"email": False}))
    mails = {category: on for (category, channel), on in silent.switches().items() if channel == "email"}
    assert mails == {"orders": False, "tips": False, "security": True, "news": False}
    assert after(silent, Moved({("orders", "email"): True})).switches()["orders", "email"]
    assert after(silent, Moved(channels={"email": True})).person["channels"] == {}


choices = st.dictionaries(st.sampled_from(CHANNELS), st.booleans())
people = st.fixed_dictionaries(
    {},
    optional={
        "channels": choices,
        "categories": st.dictionaries(
            st.sampled_from([*POLICIES]),
            st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "channels": choices}),
        ),
        "consents": st.dictionaries(
            st.sampled_from(["news", "marketing"]),
            st.fixed_dictionaries(
                {"granted": st.booleans()},
                optional={"channels": st.lists(st.sampled_from(OUTSIDE_CHANNELS), unique=True)},
            ),
        ),
    },
)
layers = st.fixed_dictionaries(
    {}, optional={"channels": choices, "categories": st.just({"orders": {"enabled": False}})}
)
switches = st.dictionaries(st.tuples(st.sampled_from([*POLICIES]), st.sampled_from(CHANNELS)), st.booleans())


@given(people, layers, switches)
def test_after_a_save_every_switch_stands_where_it_was_put(
    person: dict[str, Any], project: dict[str, Any], moved: dict[tuple[str, str], bool]
) -> None:
    start = view(person, project)
    wanted = {**start.switches(), **{s: on for s, on in moved.items() if not POLICIES[s[0]].required}}
    assert after(start, Moved(moved)).switches() == wanted
    assert patch_for(after(start, Moved(moved)), Moved(moved)) == {}


def as_documented(start: View, category: str, channel: str, on: bool) -> dict[str, Any]:
    """The patch by which docs/api.md moves a switch, made of what the choices say."""
    wanted = {c: s for (name, c), s in start.switches().items() if name == category} | {channel: on}
    off = start.is_off(category)
    patch: dict[str, Any] = {"channels": wanted if off else {channel: on}}
    if off:
        patch["enabled"] = None
    if POLICIES[category].marketing and channel != "in_app":
        left = [c for c in OUTSIDE_CHANNELS if wanted.get(c)]
        return {
            "categories": {category: patch},
            "consents": {category: {"granted": bool(left), "channels": left or None}},
        }
    return {"categories": {category: patch}}


@given(people, layers, layers, st.sampled_from(["orders", "tips", "news"]), st.sampled_from(CHANNELS))
def test_a_client_moves_one_switch_by_the_documented_patch(
    person: dict[str, Any], tenant: dict[str, Any], project: dict[str, Any], category: str, channel: str
) -> None:
    start = view(person, project)._replace(tenant=tenant)
    on = not start.switches()[category, channel]
    moved = start._replace(person=merge_patch(person, as_documented(start, category, channel, on)))
    assert moved.switches() == {**start.switches(), (category, channel): on}


@given(people, layers, st.sampled_from(CHANNELS))
def test_a_client_switches_a_channel_off_altogether(
    person: dict[str, Any], project: dict[str, Any], channel: str
) -> None:
    start = view(person, project)
    on = [name for name, policy in POLICIES.items() if start.switches()[name, channel] and not policy.required]
    patch = {"channels": {channel: False}, "categories": {name: {"channels": {channel: None}} for name in on}}
    moved = start._replace(person=merge_patch(person, patch))
    assert moved.switches() == {
        (name, c): on and (c != channel or POLICIES[name].required) for (name, c), on in start.switches().items()
    }
