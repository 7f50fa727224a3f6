"""What follows from a mail that bounced or was complained about: its event, its timeline, and the suppression list.

A report is believed about the delivery that it names, and about nobody else: whoever got a mail knows its Message-ID,
and could write a report that names others. What is suppressed is therefore always the address of that delivery's
person, and for a bounce only if the report names it: mail to an address that they have changed since says nothing about
the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.model.bounce import Report
from hub.model.mail_address import same_address
from hub.model.message import Message
from hub.store import events, suppressions
from hub.store.database import Connection
from hub.store.mail_reports import email_of, is_ours, note_report
from hub.store.suppressions import Cause

if TYPE_CHECKING:
    from hub.runtime import Hub


class Recorded(NamedTuple):
    """What became of a report.

    Attributes:
        ours: It is about an e-mail of this project.
        new: It was not told before.
        suppressed: An address was suppressed for it.
    """

    ours: bool
    new: bool = False
    suppressed: bool = False


async def record_report(conn: Connection, project_id: int, report: Report, *, provider: str | None = None) -> Recorded:
    """Records a report, within a transaction; told again it changes nothing.

    Args:
        provider: Who had the mail, while its delivery does not say so yet.
    """
    row = await note_report(conn, project_id, report.delivery_id, report.kind, report.status)
    if row is None:
        return Recorded(await is_ours(conn, project_id, report.delivery_id))
    detail = {"status": report.status} if report.status else None
    event = events.Event.about(row, report.kind, provider=row["provider"] or provider, detail=detail)
    await events.insert(conn, [event])
    cause, email = _cause(report), await email_of(conn, row["person_id"])
    if cause is None or email is None or not _is_about(report, email):
        return Recorded(ours=True, new=True)
    await suppressions.add(conn, project_id, "email", email, cause, report.status)
    return Recorded(ours=True, new=True, suppressed=True)


async def record_refusal(hub: Hub, provider: str, message: Message, detail: str) -> None:
    """Records that a mail server knows nobody at the address, while the mail was being handed over."""
    assert message.to.email is not None, "it was sent to somebody"
    report = Report("bounced", message.delivery_id, (message.to.email,), bad_address=True, status=detail)
    await hub.db.transaction(lambda conn: record_report(conn, message.project_id, report, provider=provider))


def _cause(report: Report) -> Cause | None:
    if report.kind == "bounced":
        return "bounced" if report.bad_address else None
    return "complained" if report.kind == "complained" else "unsubscribed" if report.kind == "unsubscribed" else None


def _is_about(report: Report, email: str) -> bool:
    """Complaints often come with the address blacked out; who complains means the sender, at whichever address."""
    return report.kind != "bounced" or any(same_address(address, email) for address in report.addresses)
