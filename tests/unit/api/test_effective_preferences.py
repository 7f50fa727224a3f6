"""What layers come to, without a server: the order of channels, and whose schedule counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api.effective_preferences import EFFECTIVE, effective
from hub.model.ladder import channels_of, outside_lines
from hub.model.policy import CHANNELS, IN_APP, parse_policy
from hub.model.preferences import Layer, Layers, Preferences, parse_preferences, resolve
from hub.model.weekly import Appointment
from hub.store.preferences import StoredLayers
from tests.support.preference_documents import DEFAULT_DOCUMENTS, ORDER, PERSON_DOCUMENTS

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
STEPS = st.builds(
    lambda channel, minutes: (
        {"channel": channel} if channel == IN_APP else {"channel": channel, "after": f"PT{minutes}M"}
    ),
    st.sampled_from(CHANNELS),
    st.integers(0, 3),
)
POLICIES = st.fixed_dictionaries(
    {"ladder": st.lists(STEPS, min_size=1, max_size=6)},
    optional={
        "default": st.sampled_from(["opted_in", "opted_out", "required"]),
        "kind": st.sampled_from(["transactional", "marketing"]),
        "quiet_hours": st.sampled_from(["respect", "ignore"]),
    },
)


@pytest.mark.parametrize(
    "ladder, order, channels",
    [
        ([("email", 0), ("web_push", 5), ("in_app", 0)], [], ["in_app", "email", "web_push"]),
        ([("email", 0), ("web_push", 5)], ["web_push", "email"], ["web_push", "email"]),
        ([("email", 0), ("web_push", 5)], ["web_push"], ["email", "web_push"]),
        ([("web_push", 0), ("email", 5), ("web_push", 10)], ["email", "web_push"], ["email", "web_push"]),
        ([("email", 9), ("email", 1), ("web_push", 5)], ["in_app"], ["email", "web_push"]),
        ([("in_app", 0)], ["email"], ["in_app"]),
    ],
)
def test_channels_in_the_order_of_their_turns(
    ladder: list[tuple[str, int]], order: list[str], channels: list[str]
) -> None:
    steps = [{"channel": channel, "after": f"PT{minutes}M"} for channel, minutes in ladder]
    assert list(channels_of(parse_policy("c", {"ladder": steps}), order)) == channels


@given(POLICIES, ORDER)
def test_each_channel_of_a_ladder_has_one_turn_and_it_is_that_of_its_lines(
    document: dict[str, Any], order: list[str]
) -> None:
    policy = parse_policy("c", document)
    channels = channels_of(policy, order)
    assert sorted(channels) == sorted({step.channel for step in policy.ladder})
    steps = [step for line in outside_lines(policy, None, order) for step in line]
    first = {
        channel: min(step.after for step in steps if step.channel == channel)
        for channel in channels
        if channel != IN_APP
    }
    assert sorted(first.values()) == list(first.values())


def test_whose_digest_schedule_counts() -> None:
    friday = (Appointment((5,), NOW.time()),)
    assert Layers().digest is None
    assert Layers(project=Preferences(digest_schedule=friday)).digest == (Layer.PROJECT, friday)
    layers = Layers(tenant=Preferences(digest_schedule=friday), project=Preferences(digest_schedule=friday * 2))
    assert (layers.digest, layers.digest_schedule) == ((Layer.TENANT, friday), friday)


@given(POLICIES, PERSON_DOCUMENTS, DEFAULT_DOCUMENTS, DEFAULT_DOCUMENTS)
def test_the_answer_is_what_resolve_says_and_has_the_shape_that_is_promised(
    policy_document: dict[str, Any], person: dict[str, Any], tenant: dict[str, Any], project: dict[str, Any]
) -> None:
    policy = parse_policy("c", policy_document)
    documents = {Layer.PERSON: person, Layer.TENANT: tenant, Layer.PROJECT: project}
    answer = effective(policy, StoredLayers(documents, "UTC"), NOW)
    assert EFFECTIVE.schema is not None
    EFFECTIVE.schema.adapter.validate_python({**answer, "channel_order": list(answer["channel_order"])})
    layers = Layers(*map(parse_preferences, (person, tenant, project)))
    for entry in answer["channels"]:
        verdict = resolve(policy, layers, entry["channel"])
        assert (entry["enabled"], entry["layer"], entry["reason"]) == (verdict.on, verdict.layer, verdict.reason)
    assert (answer["paused_until"] is None) == (answer["paused_by"] is None)
    assert answer["delegate"] == person.get("delegate")
