"""Delivery reports and complaints as mail systems write them (after Postfix's, and RFC 5965's examples)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import quopri
import secrets
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def dsn(
    delivery_id: UUID | str,
    address: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    encoding: str = "7bit",
    to: str | None = None,
) -> bytes:
    """A delivery status notification (RFC 3464); `to` is whom the returned mail was addressed to, `address` if None."""
    fields = (
        "Reporting-MTA: dns; mx.example.org\r\nX-Postfix-Queue-ID: 4F1A2\r\n"
        "Arrival-Date: Thu, 5 Nov 2026 09:07:03 +0000\r\n"
        f"\r\nFinal-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no\r\n"
    )
    returned = (
        f"From: Acme <news@example.com>\r\nTo: Ada <{to or address}>\r\nMessage-ID: <{delivery_id}@example.com>\r\n"
    )
    return _report(
        "delivery-status",
        [
            ("text/plain; charset=us-ascii", "7bit", "This is the mail system. It could not be delivered.\r\n"),
            ("message/delivery-status", encoding, fields),
            ("text/rfc822-headers", encoding, returned),
        ],
    )


def arf(delivery_id: UUID | str, address: str, *, kind: str = "abuse") -> bytes:
    """An abuse report (RFC 5965)."""
    fields = f"Feedback-Type: {kind}\r\nUser-Agent: Reporter/1.0\r\nVersion: 1\r\nOriginal-Rcpt-To: <{address}>\r\n"
    returned = (
        f"From: <news@example.com>\r\nTo: <{address}>\r\nMessage-ID: <{delivery_id}@example.com>\r\n\r\nHello\r\n"
    )
    return _report(
        "feedback-report",
        [
            ("text/plain", "7bit", "This is an abuse report.\r\n"),
            ("message/feedback-report", "7bit", fields),
            ("message/rfc822", "7bit", returned),
        ],
    )


def _report(kind: str, parts: list[tuple[str, str, str]]) -> bytes:
    boundary = "4F1A2.1477/mx.example.org"
    head = (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.org\r\nTo: bounces@example.com\r\nSubject: Report\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"\r\n\r\n'
        "This is a MIME-encapsulated message.\r\n"
    )
    body = b"".join(
        f"\r\n--{boundary}\r\nContent-Type: {media}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        + _encoded(encoding, text.encode())
        for media, encoding, text in parts
    )
    return head.encode() + body + f"\r\n--{boundary}--\r\n".encode()


def _encoded(encoding: str, raw: bytes) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(raw)
    return quopri.encodestring(raw) if encoding == "quoted-printable" else raw


def sendgrid_event(delivery_id: UUID | str, address: str, **fields: Any) -> dict[str, Any]:
    """An event as SendGrid's "Event Webhook Reference" shows it; `fields` replace or add."""
    return {
        "email": address,
        "timestamp": 1_513_299_569,
        "smtp-id": f"<{delivery_id}@example.com>",
        "category": ["cat facts"],
        "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **fields,
    }


def mailgun_event(delivery_id: UUID | str, address: str, code: str | None = None, **fields: Any) -> dict[str, Any]:
    """An event as Mailgun's user manual shows it; `fields` replace or add, `code` is the enhanced code."""
    return {
        "timestamp": 1_521_233_195.375624,
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "log-level": "error",
        "recipient": address,
        "recipient-domain": address.rpartition("@")[2],
        "message": {
            "headers": {"to": address, "message-id": f"{delivery_id}@example.com", "from": "news@example.com"},
            "attachments": [],
            "size": 111,
        },
        "delivery-status": {"code": 550, "enhanced-code": code or "", "message": "", "attempt-no": 1},
        "flags": {"is-delayed-bounce": False, "is-test-mode": False},
        **fields,
    }


class SendGrid:
    """Signs as SendGrid does. `key` is what it shows for HUB_SENDGRID_WEBHOOK_KEY."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        der = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key = base64.b64encode(der).decode("ascii")

    def sign(self, body: bytes, now: float) -> str:
        signature = self._private.sign(str(int(now)).encode() + body, ec.ECDSA(SHA256()))
        return base64.b64encode(signature).decode("ascii")

    def headers(self, body: bytes, now: float) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": self.sign(body, now),
            "X-Twilio-Email-Event-Webhook-Timestamp": str(int(now)),
        }


def mailgun_signature(key: str, now: float) -> dict[str, str]:
    """The `signature` of a post of Mailgun's."""
    timestamp, token = str(int(now)), secrets.token_hex(25)
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": signature}
