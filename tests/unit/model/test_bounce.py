"""Mails that come back: real reports are understood, everything else is nothing, and nothing takes long."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.bounce import Report, parse_report
from tests.support.reports import arf, dsn

DELIVERY = UUID("01900000-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("action", "status", "report"),
    [
        ("failed", "5.1.1", ("bounced", True)),
        ("failed", "5.0.0", ("bounced", True)),
        ("Failed", "5.1.1 (bad mailbox)", ("bounced", True)),
        ("failed", "5.2.2", ("bounced", False)),
        ("failed", "5.7.1", ("bounced", False)),
        ("failed", "4.4.7", ("bounced", False)),
        ("failed", "", ("bounced", False)),
        ("delayed", "4.4.1", ("delayed", False)),
        ("delivered", "2.1.5", None),
        ("relayed", "2.0.0", None),
        ("expanded", "2.0.0", None),
        ("", "5.1.1", None),
    ],
)
def test_a_delivery_report_is_read(action: str, status: str, report: tuple[str, bool] | None) -> None:
    found = parse_report(dsn(DELIVERY, "ada@example.org", action=action, status=status))
    if report is None:
        assert found is None
        return
    assert found is not None
    assert (found.kind, found.bad_address) == report
    assert found.delivery_id == DELIVERY
    assert "ada@example.org" in found.addresses


def test_line_ends_and_encodings_do_not_matter() -> None:
    plain = dsn(DELIVERY, "ada@example.org")
    wanted = parse_report(plain)
    assert wanted is not None
    assert parse_report(plain.replace(b"\r\n", b"\n")) == wanted
    assert parse_report(dsn(DELIVERY, "ada@example.org", encoding="base64")) == wanted
    assert parse_report(dsn(DELIVERY, "ada@example.org", encoding="quoted-printable")) == wanted
    assert parse_report(plain.replace(b"text/rfc822-headers", b"message/rfc822")) == wanted
    assert parse_report(plain.replace(b"Content-Type:", b"content-TYPE:")) == wanted
    assert parse_report(plain.replace(b"; boundary=", b";\r\n\tboundary=")) == wanted


def test_of_several_recipients_the_failed_one_counts() -> None:
    raw = dsn(DELIVERY, "ada@example.org", action="delayed", status="4.4.1").replace(
        b"Action: delayed",
        b"Action: delayed\r\n\r\nFinal-Recipient: rfc822; ada@elsewhere.example\r\nAction: failed\r\nStatus: 5.1.1",
        1,
    )
    found = parse_report(raw)
    assert found is not None
    assert (found.kind, found.bad_address) == ("bounced", True)


@pytest.mark.parametrize(
    ("kind", "report"),
    [
        ("abuse", "complained"),
        ("fraud", "complained"),
        ("opt-out", "unsubscribed"),
        ("not-spam", None),
        ("other", "complained"),
    ],
)
def test_a_complaint_is_read(kind: str, report: str | None) -> None:
    found = parse_report(arf(DELIVERY, "ada@example.org", kind=kind))
    assert (None if found is None else found.kind) == report
    assert found is None or found.addresses == ("ada@example.org", "ada@example.org")


def test_a_report_about_something_else_is_nothing() -> None:
    raw = dsn(DELIVERY, "ada@example.org")
    for other in (b"<something@example.org>", b"", b"<" + str(DELIVERY).encode() + b">", b"garbage"):
        assert parse_report(raw.replace(f"<{DELIVERY}@example.com>".encode(), other)) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"hello",
        b"From: ada@example.org\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nI am away.\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\nno boundary",
        b'Content-Type: multipart/report; boundary=""\r\n\r\n----\r\n',
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x--",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--",
        b"\xff\xfe\x00" * 100,
        b":" * 10_000,
    ],
)
def test_what_is_no_report_is_nothing(raw: bytes) -> None:
    assert parse_report(raw) is None


@given(st.binary(max_size=2_000))
def test_bytes_never_raise(raw: bytes) -> None:
    assert parse_report(raw) is None


@given(st.data())
def test_a_damaged_report_never_raises(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([dsn(DELIVERY, "ada@example.org"), arf(DELIVERY, "ada@example.org")])))
    for _ in range(data.draw(st.integers(1, 20))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
        if not raw:
            break
    found = parse_report(bytes(raw))
    assert found is None or isinstance(found, Report)


HEAD = b"Content-Type: multipart/report; boundary=x\r\n\r\n"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"\r\n--x\r\nContent-Type: multipart/mixed; boundary=x\r\n" * (MIB // 50),
        HEAD + b"--x\r\n" * (MIB // 5),
        b"Content-Type: multipart/report" + b"; a=b" * (MIB // 5),
        b"X: y\r\n" * (MIB // 6) + b"\r\n",
        b"Content-Type: x\r\n" + b" folded\r\n" * (MIB // 9),
        HEAD + b"--x\r\nContent-Type: message/delivery-status\r\n\r\n" + b"\r\n" * (MIB // 2),
        HEAD + b"--x\r\nContent-Type: message/delivery-status\r\n\r\n" + b"A: b\r\n\r\n" * (MIB // 8),
        HEAD + b"--x\r\nContent-Type: message/delivery-status\r\n\r\n" + b"\r\n \t" * (MIB // 4),
        HEAD + b"--x\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: " + b"<" * MIB,
        HEAD + b"--x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"A" * MIB,
        b"\n" * MIB,
        b"\r" * MIB,
    ],
    ids=range(12),
)
def test_a_megabyte_of_malice_takes_no_time(raw: bytes) -> None:
    began = time.process_time()
    assert parse_report(raw) is None
    assert time.process_time() - began < 10  # seconds of CPU; each takes some 20 ms, and minutes if it were quadratic
