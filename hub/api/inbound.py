"""What comes back of e-mail: bounces and complaints, as mails or as providers' webhooks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, once
from hub.exceptions import NotFound, Unsupported
from hub.model.bounce import MAX_BYTES, Kind, Report, parse_report
from hub.model.provider_events import mailgun_reports, sendgrid_reports
from hub.publish.bounces import Recorded, record_report
from hub.security.provider_signatures import is_mailgun, is_sendgrid
from hub.store.database import Connection
from hub.store.idempotency import Answer
from hub.store.projects import find_project
from hub.web.app import REFUSALS_PER_SECOND
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema
from hub.web.strict_json import parse_json

MAIL = "message/rfc822"
_SIGNATURE = b"x-twilio-email-event-webhook-signature"
_TIMESTAMP = b"x-twilio-email-event-webhook-timestamp"


class MailReport(TypedDict):
    """What a mail said of one of ours, and what followed."""

    kind: Annotated[
        Kind | None, Field(description="Null: nothing about a mail of this project's; an automatic answer, perhaps.")
    ]
    delivery_id: str | None
    new: Annotated[bool, Field(description="It was not told before.")]
    suppressed: Annotated[bool, Field(description="The address gets nothing any more.")]


class Counted(TypedDict):
    """How many events of a webhook were about mails of this project, and new."""

    recorded: int


class Inbound:
    """Routes of `/v1/inbound`. The webhooks carry no key of ours: the provider's signature is their credential."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub
        self._settings = api.hub.settings

    def routes(self) -> list[Route]:
        counted = {200: Reply("Taken.", Schema(Counted))}
        return [
            Route(
                "POST",
                "/v1/inbound/email",
                self.receive_mail,
                "Hand in a mail that came back",
                "inbound",
                {200: Reply("Read.", Schema(MailReport))},
                "The whole mail as it lies in the mailbox that bounces go to: a delivery report (RFC 3464) or a "
                "complaint (RFC 5965). Others are answered with `kind` null.",
                guard=self._api.guard,
                scopes=("notifications:write",),
                takes=MAIL,
                body_limit=MAX_BYTES,
                idempotent=True,
            ),
            Route(
                "POST",
                "/v1/inbound/sendgrid/{project}",
                self.receive_sendgrid,
                "SendGrid's Event Webhook",
                "inbound",
                counted,
                "Signed: `HUB_SENDGRID_WEBHOOK_KEY`.",
                takes="application/json",
                body_limit=MAX_BYTES,
                errors=(404, 429),
            ),
            Route(
                "POST",
                "/v1/inbound/mailgun/{project}",
                self.receive_mailgun,
                "Mailgun's webhooks",
                "inbound",
                counted,
                "Signed: `HUB_MAILGUN_WEBHOOK_KEY`.",
                takes="application/json",
                body_limit=MAX_BYTES,
                errors=(404, 429),
            ),
        ]

    async def receive_mail(self, request: Request) -> Response:
        media_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if media_type != MAIL:
            raise Unsupported(f"Send the mail as it is, with Content-Type: {MAIL}.")
        report = parse_report(await request.body(MAX_BYTES))
        project_id = credential_of(request).project_id

        async def work(conn: Connection) -> Answer:
            recorded = Recorded(ours=False) if report is None else await record_report(conn, project_id, report)
            told = report if recorded.ours else None
            return answer(
                200,
                {
                    "kind": None if told is None else told.kind,
                    "delivery_id": None if told is None else str(told.delivery_id),
                    "new": recorded.new,
                    "suppressed": recorded.suppressed,
                },
            )

        return await once(self._hub, await key_of(request), work)

    async def receive_sendgrid(self, request: Request) -> Response:
        body = await self._body(request)
        key = self._settings.sendgrid_webhook_key
        signature, timestamp = request.header(_SIGNATURE), request.header(_TIMESTAMP)
        if key is None or not is_sendgrid(key, signature, timestamp, body, time.time()):
            raise self._refusal(request)
        return await self._record(request, sendgrid_reports(parse_json(body)))

    async def receive_mailgun(self, request: Request) -> Response:
        body = await self._body(request)
        key = self._settings.mailgun_webhook_key
        posted: Any = None if key is None else parse_json(body)
        signature = posted.get("signature") if isinstance(posted, dict) else None
        if key is None or not is_mailgun(key.get_secret_value(), signature, time.time()):
            raise self._refusal(request)
        return await self._record(request, mailgun_reports(posted))

    async def _body(self, request: Request) -> bytes:
        """Read only while its sender's address has not been refused too often.

        Raises:
            RateLimited: it has.
        """
        if self._api.refusals.peek(request.address, REFUSALS_PER_SECOND).remaining < 1:
            self._api.refusals.take(request.address, REFUSALS_PER_SECOND)
        return await request.body(MAX_BYTES)

    def _refusal(self, request: Request) -> NotFound:
        """The same whether project, setting or signature is wrong: who may not know learns nothing."""
        self._api.refusals.take(request.address, REFUSALS_PER_SECOND)
        return NotFound("There is no webhook here, or its signature is not good.")

    async def _record(self, request: Request, reports: Iterable[Report]) -> Response:
        """Each by itself: what a provider posts again after a failure is recorded once."""
        project = await find_project(self._hub.db, request.params["project"])
        if project is None:
            raise self._refusal(request)
        recorded = 0
        for report in reports:
            one = partial(record_report, project_id=project.project_id, report=report)
            recorded += (await self._hub.db.transaction(one)).new
        return json_response({"recorded": recorded})
