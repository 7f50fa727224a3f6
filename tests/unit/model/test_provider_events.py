"""Webhooks of SendGrid and Mailgun: the events of their documentation, and whatever else they may post."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.provider_events import delivery_header, mailgun_reports, sendgrid_reports
from tests.support.mails import mail
from tests.support.reports import mailgun_event, sendgrid_event

DELIVERY = UUID("01900000-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown"}, ("bounced", True)),
        ({"event": "bounce", "type": "bounce", "reason": "500 unknown recipient"}, ("bounced", True)),
        ({"event": "bounce", "type": "bounce", "status": "5.2.2"}, ("bounced", False)),
        ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, ("bounced", False)),
        ({"event": "dropped", "reason": "Bounced Address"}, ("bounced", True)),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, ("bounced", True)),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, ("complained", False)),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, ("unsubscribed", False)),
        ({"event": "dropped", "reason": "Recipient List over Package Quota"}, ("bounced", False)),
        ({"event": "deferred", "response": "400 4.4.1 try again later"}, ("delayed", False)),
        ({"event": "spamreport"}, ("complained", False)),
        ({"event": "unsubscribe"}, ("unsubscribed", False)),
        ({"event": "processed"}, None),
        ({"event": "delivered"}, None),
        ({"event": "open"}, None),
        ({"event": "click"}, None),
        ({"event": "something new"}, None),
    ],
)
def test_sendgrid(event: dict[str, Any], said: tuple[str, bool] | None) -> None:
    found = list(sendgrid_reports([sendgrid_event(DELIVERY, "ada@example.org", **event)]))
    assert [(r.kind, r.bad_address) for r in found] == ([] if said is None else [said])
    assert all(r.delivery_id == DELIVERY and r.addresses == ("ada@example.org",) for r in found)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "failed", "severity": "permanent", "reason": "bounce", "code": "5.1.1"}, ("bounced", True)),
        ({"event": "failed", "severity": "permanent", "reason": "bounce", "code": ""}, ("bounced", True)),
        ({"event": "failed", "severity": "permanent", "reason": "bounce", "code": "5.7.1"}, ("bounced", False)),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-bounce"}, ("bounced", True)),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-complaint"}, ("complained", False)),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-unsubscribe"}, ("unsubscribed", False)),
        ({"event": "failed", "severity": "permanent", "reason": "old"}, ("bounced", False)),
        ({"event": "failed", "severity": "permanent", "reason": "generic"}, ("bounced", False)),
        ({"event": "failed", "severity": "temporary", "reason": "generic", "code": "4.2.2"}, ("delayed", False)),
        ({"event": "complained"}, ("complained", False)),
        ({"event": "unsubscribed"}, ("unsubscribed", False)),
        ({"event": "delivered"}, None),
        ({"event": "opened"}, None),
    ],
)
def test_mailgun(event: dict[str, Any], said: tuple[str, bool] | None) -> None:
    found = list(mailgun_reports({"event-data": mailgun_event(DELIVERY, "ada@example.org", **event)}))
    assert [(r.kind, r.bad_address) for r in found] == ([] if said is None else [said])
    assert all(r.delivery_id == DELIVERY and r.addresses == ("ada@example.org",) for r in found)


def test_a_sendgrid_event_without_a_message_id_names_the_delivery_by_the_argument_that_the_mail_carried() -> None:
    message = mail(delivery_id=DELIVERY)
    assert delivery_header("smtp.sendgrid.net", message) == [
        ("X-SMTPAPI", f'{{"unique_args":{{"hub_delivery":"{DELIVERY}"}}}}')
    ]
    assert delivery_header("smtp.example.com", message) == delivery_header("evilsendgrid.net", message) == []
    event = {"email": "ada@example.org", "event": "spamreport", "hub_delivery": str(DELIVERY)}
    assert [r.delivery_id for r in sendgrid_reports([event])] == [DELIVERY]


def test_events_of_other_mails_are_left_out() -> None:
    assert list(sendgrid_reports([sendgrid_event("x", "a@b.c", event="bounce"), {"event": "bounce"}, 7, None])) == []
    assert list(mailgun_reports({"event-data": mailgun_event("x", "a@b.c", event="complained")})) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "event",
                    "email",
                    "smtp-id",
                    "hub_delivery",
                    "event-data",
                    "message",
                    "headers",
                    "message-id",
                    "delivery-status",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_json_raises(posted: Any) -> None:
    list(sendgrid_reports(posted))
    list(mailgun_reports(posted))
