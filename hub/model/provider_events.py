"""What mail providers report by webhook, as the reports of hub.model.bounce. Formats as their documentation has them:

- SendGrid, "Event Webhook Reference": a list of events, each flat. Ours are told by `hub_delivery`, a unique argument
  that our mails carry to it (`delivery_header`), or by `smtp-id`, our Message-ID.
- Mailgun, "Events" and "Webhooks": one event, in `event-data`; `message.headers.message-id` is our Message-ID.

What is not understood is left out: a provider adds fields and events as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from hub.model.bounce import Report, delivery_of
from hub.model.message import Message
from hub.model.smtp_replies import is_bad_address

_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")


def delivery_header(host: str, message: Message) -> list[tuple[str, str]]:
    """What a mail over this provider's server says beside, so that all of its events name the delivery."""
    if host == "sendgrid.net" or host.endswith(".sendgrid.net"):
        return [("X-SMTPAPI", f'{{"unique_args":{{"hub_delivery":"{message.delivery_id}"}}}}')]
    return []


def sendgrid_reports(posted: Any) -> Iterator[Report]:
    """The reports in one post of SendGrid's."""
    for event in posted if isinstance(posted, list) else ():
        if isinstance(event, dict):
            report = _sendgrid(event)
            if report is not None:
                yield report


def mailgun_reports(posted: Any) -> Iterator[Report]:
    """The report in one post of Mailgun's, if it is one."""
    event = _at(posted, "event-data")
    if isinstance(event, dict):
        report = _mailgun(event)
        if report is not None:
            yield report


def _sendgrid(event: dict[str, Any]) -> Report | None:
    delivery_id = _uuid(event.get("hub_delivery")) or delivery_of(_text(event.get("smtp-id")))
    if delivery_id is None:
        return None
    addresses, status = (_text(event.get("email")),), _status(event.get("status"), event.get("reason"))
    match event.get("event"):
        case "bounce":
            # `blocked`: the receiving server refused this mail, and may take the next one.
            bad = event.get("type") != "blocked" and (status is None or is_bad_address(status))
            return Report("bounced", delivery_id, addresses, bad_address=bad, status=status)
        case "dropped":  # SendGrid has the address on a list of its own, and did not try
            reason = _text(event.get("reason")).lower()
            if "spam report" in reason:
                return Report("complained", delivery_id, addresses)
            if "unsubscribed" in reason:
                return Report("unsubscribed", delivery_id, addresses)
            bad = reason.startswith(("bounced", "invalid"))
            return Report("bounced", delivery_id, addresses, bad_address=bad, status=status)
        case "deferred":
            return Report("delayed", delivery_id, addresses, status=_status(event.get("response")))
        case "spamreport":
            return Report("complained", delivery_id, addresses)
        case "unsubscribe":
            return Report("unsubscribed", delivery_id, addresses)
    return None


def _mailgun(event: dict[str, Any]) -> Report | None:
    delivery_id = delivery_of(_text(_at(event, "message", "headers", "message-id")))
    if delivery_id is None:
        return None
    addresses = (_text(event.get("recipient")),)
    match event.get("event"):
        case "failed":
            answer = event.get("delivery-status")
            status = _status(_at(answer, "enhanced-code"), _at(answer, "message"))
            if event.get("severity") != "permanent":
                return Report("delayed", delivery_id, addresses, status=status)
            reason = _text(event.get("reason"))
            if reason == "suppress-complaint":
                return Report("complained", delivery_id, addresses)
            if reason == "suppress-unsubscribe":
                return Report("unsubscribed", delivery_id, addresses)
            # `generic` is whatever else went wrong; `old`, that it was tried for too long.
            bad = reason == "suppress-bounce" or (reason == "bounce" and (status is None or is_bad_address(status)))
            return Report("bounced", delivery_id, addresses, bad_address=bad, status=status)
        case "complained":
            return Report("complained", delivery_id, addresses)
        case "unsubscribed":
            return Report("unsubscribed", delivery_id, addresses)
    return None


def _status(*texts: Any) -> str | None:
    """The first enhanced code in any of them."""
    for text in texts:
        match = _STATUS.search(_text(text))
        if match is not None:
            return match[0]
    return None


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value[:2_000] if isinstance(value, str) else ""


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
