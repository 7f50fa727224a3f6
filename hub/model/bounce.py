"""Mails that say what came of a mail of ours: delivery reports (RFC 3464) and complaints (RFC 5965), parsed.

Anybody can write such a mail, so it is read within limits that hold whatever it says: one pass over its lines, few
parts, no nesting but that of the report. And what it says is believed only about the delivery that it names.

    multipart/report
    ├── text/plain                      for people; not read
    ├── message/delivery-status         the fields of the mail, then those of each recipient
    │   or message/feedback-report
    └── message/rfc822, or its headers  the mail that came back: Message-ID, To
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from hub.model.smtp_replies import is_bad_address

MAX_BYTES = 1024 * 1024
MAX_PARTS = 20
MAX_HEADERS = 1_000
MAX_RECIPIENTS = 50
MAX_VALUE = 2_000  # characters of a header that is of interest

Kind: TypeAlias = Literal["bounced", "delayed", "complained", "unsubscribed"]
_Headers: TypeAlias = Mapping[str, str]

_MESSAGE_ID = re.compile(
    r"<?([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})@[^<>\s@]{1,255}>?"
)
_ANGLE = re.compile(r"<([^<>\s]{3,320})>")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_PARAMETER = re.compile(r";\s*([A-Za-z0-9_-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]+))")


class Report(NamedTuple):
    """What a mail, or a provider's webhook, says of one of ours.

    Attributes:
        delivery_id: Of the mail that it is about.
        addresses: Those that it names as that mail's recipient, as they are written there.
        bad_address: Nobody will ever be at the address.
        status: The enhanced code, if there is one.
    """

    kind: Kind
    delivery_id: UUID
    addresses: tuple[str, ...] = ()
    bad_address: bool = False
    status: str | None = None


def parse_report(raw: bytes) -> Report | None:
    """What a mail reports about a mail of ours; None: nothing (an automatic answer, a success, something else).

    Raises nothing, whatever the bytes are.
    """
    headers, body = _split(raw[:MAX_BYTES])
    kind, parameters = _content_type(headers)
    if kind != "multipart/report" or "boundary" not in parameters:
        return None
    returned: _Headers = {}
    status: list[_Headers] = []
    feedback: _Headers = {}
    for part in _parts(body, parameters["boundary"]):
        part_headers, part_body = _split(part)
        part_kind, _ = _content_type(part_headers)
        content = _decoded(part_body, part_headers)
        if part_kind in ("message/delivery-status", "message/global-delivery-status"):
            status = _blocks(content)
        elif part_kind == "message/feedback-report":
            feedback, _ = _split(content)
        elif part_kind in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
            returned, _ = _split(content)
    delivery_id = delivery_of(returned.get("message-id", ""))
    if delivery_id is None:
        return None
    if feedback:
        return _complaint(feedback, returned, delivery_id)
    return _delivery_report(status, returned, delivery_id)


def delivery_of(message_id: str) -> UUID | None:
    """The delivery that a Message-ID of ours names (hub.model.mime)."""
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    return None if match is None else UUID(match[1])


def _complaint(feedback: _Headers, returned: _Headers, delivery_id: UUID) -> Report | None:
    kind = feedback.get("feedback-type", "").lower()
    if kind == "not-spam":
        return None
    named = [feedback.get("original-rcpt-to", ""), *_addresses_in(returned.get("to", ""))]
    said: Kind = "unsubscribed" if kind in ("opt-out", "opt-out-list") else "complained"
    return Report(said, delivery_id, tuple(address.strip(" <>") for address in named if address))


def _delivery_report(blocks: list[_Headers], returned: _Headers, delivery_id: UUID) -> Report | None:
    """The worst that is said of any recipient: ours have one, and what is behind an alias is that one's."""
    found: Report | None = None
    for block in blocks[:MAX_RECIPIENTS]:
        action = block.get("action", "").lower()
        if action not in ("failed", "delayed"):
            continue
        match = _STATUS.search(block.get("status", ""))
        status = match[0] if match is not None else None
        named = [_typed(block.get(field, "")) for field in ("original-recipient", "final-recipient")]
        addresses = tuple(address for address in (*named, *_addresses_in(returned.get("to", ""))) if address)
        if action == "failed":
            bad = status is not None and is_bad_address(status)
            return Report("bounced", delivery_id, addresses, bad_address=bad, status=status)
        found = Report("delayed", delivery_id, addresses, status=status)
    return found


def _typed(value: str) -> str:
    """The address in `rfc822; ada@example.com`."""
    kind, _, address = value.partition(";")
    return address.strip().strip("<>") if kind.strip().lower() in ("rfc822", "utf-8") else ""


def _addresses_in(value: str) -> list[str]:
    found = _ANGLE.findall(value)
    return found or ([value.strip()] if "@" in value and " " not in value.strip() else [])


def _split(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Headers by name in lower case, the first of each, unfolded; and what follows the empty line."""
    head, body = _cut(raw)
    headers: dict[str, str] = {}
    name = ""
    for count, line in enumerate(head.decode("utf-8", "replace").splitlines()):
        if count > MAX_HEADERS:
            break
        if line[:1] in (" ", "\t"):
            if name and len(headers[name]) < MAX_VALUE:
                headers[name] = f"{headers[name]} {line.strip()}"[:MAX_VALUE]
            continue
        found, colon, value = line.partition(":")
        name = found.strip().lower() if colon else ""
        if name in headers:
            name = ""
        elif name:
            headers[name] = value.strip()[:MAX_VALUE]
    return headers, body


def _cut(raw: bytes) -> tuple[bytes, bytes]:
    """Before and after the first empty line."""
    if raw.startswith((b"\n", b"\r\n")):
        return b"", raw.lstrip(b"\r\n")
    match = re.search(rb"\r?\n\r?\n", raw)
    return (raw, b"") if match is None else (raw[: match.start()], raw[match.end() :])


def _content_type(headers: _Headers) -> tuple[str, dict[str, str]]:
    value = headers.get("content-type", "")
    parameters = {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(value)
    }
    return value.partition(";")[0].strip().lower(), parameters


def _parts(body: bytes, boundary: str) -> list[bytes]:
    """The parts of a multipart (RFC 2046, section 5.1)."""
    if not boundary or len(boundary) > 200:
        return []
    delimiter = b"\n--" + boundary.encode("utf-8", "replace")
    pieces = (b"\n" + body).split(delimiter, MAX_PARTS + 1)[1 : MAX_PARTS + 1]
    parts = []
    for piece in pieces:
        if piece.startswith(b"--"):
            break
        parts.append(piece.partition(b"\n")[2].removesuffix(b"\r"))
    return parts


def _blocks(content: bytes) -> list[_Headers]:
    """The fields of a delivery-status: of the mail, then of each recipient (RFC 3464, section 2.1)."""
    pieces = re.split(rb"\r?\n(?:[ \t]*\r?\n)+", content.strip(b"\r\n"), maxsplit=MAX_RECIPIENTS + 1)
    return [_split(piece)[0] for piece in pieces[: MAX_RECIPIENTS + 1]]


def _decoded(body: bytes, headers: _Headers) -> bytes:
    encoding = headers.get("content-transfer-encoding", "").strip().lower()
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        try:
            return base64.b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", body) + b"==")
        except binascii.Error:
            return b""
    return body
