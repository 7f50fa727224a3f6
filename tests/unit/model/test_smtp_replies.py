"""What servers answer, and what follows: the documented result of every code, by phase."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.outcome import Failed, Rejected, Sent, Throttled
from hub.model.smtp_replies import MAILBOX_FULL_WAIT, MEANINGS, Phase, enhanced_code, is_bad_address, read_reply

C, H, T, A, M, R, D, B = Phase

BOUNCE, REFUSED, FAILED, THROTTLED = "bounce", "refused", "failed", "throttled"

REPLIES = [
    # Setting up: whatever it is, it is the provider's.
    (C, 421, "4.3.2 Service shutting down", FAILED),
    (C, 421, "4.7.0 Too many connections", THROTTLED),
    (C, 451, "4.3.0 come back", FAILED),
    (C, 554, "5.7.1 no service for you", FAILED),
    (C, 521, "host accepts no mail", FAILED),
    (H, 501, "5.5.4 invalid name", FAILED),
    (H, 550, "5.7.1 blocked", FAILED),
    (T, 454, "4.7.0 TLS not available", FAILED),
    (T, 501, "syntax", FAILED),
    (A, 535, "5.7.8 wrong", FAILED),
    (A, 534, "5.7.9 too weak", FAILED),
    (A, 530, "5.7.0 STARTTLS first", FAILED),
    (A, 454, "4.7.0 temporary", FAILED),
    (A, 432, "4.7.12 password transition", FAILED),
    (A, 538, "5.7.11 encryption required", FAILED),
    # The sender
    (M, 421, "4.3.2 closing", FAILED),
    (M, 421, "4.7.28 rate", THROTTLED),
    (M, 450, "4.1.8 sender domain", FAILED),
    (M, 451, "4.3.0 local error", FAILED),
    (M, 452, "4.3.1 full", FAILED),
    (M, 452, "4.5.3 too many", THROTTLED),
    (M, 452, "too many emails per second", THROTTLED),
    (M, 454, "Throttling failure: Maximum sending rate exceeded.", THROTTLED),
    (M, 455, "parameters", FAILED),
    (M, 530, "5.7.0 authenticate", FAILED),
    (M, 550, "5.7.1 sender not allowed", FAILED),
    (M, 550, "5.1.1 odd", FAILED),
    (M, 552, "5.3.4 too large", REFUSED),
    (M, 552, "too large", REFUSED),
    (M, 553, "5.1.8 sender", FAILED),
    (M, 553, "5.1.7 sender", FAILED),
    (M, 554, "5.7.1 no", FAILED),
    (M, 555, "parameters", FAILED),
    (M, 500, "what?", FAILED),
    (M, 503, "bad sequence", FAILED),
    # The recipient, later
    (R, 421, "4.3.2 closing", FAILED),
    (R, 450, "4.2.0 mailbox busy", FAILED),
    (R, 450, "4.2.1 receiving too quickly", FAILED),
    (R, 450, "4.7.1 greylisted", FAILED),
    (R, 451, "4.7.1 please try again", FAILED),
    (R, 451, "4.4.0 no answer", FAILED),
    (R, 451, "local error", FAILED),
    (R, 452, "4.2.2 mailbox full", FAILED),
    (R, 452, "4.3.1 disk full", FAILED),
    (R, 452, "4.5.3 too many recipients", THROTTLED),
    # The recipient, never
    (R, 550, "5.1.0 no", BOUNCE),
    (R, 550, "5.1.1 user unknown", BOUNCE),
    (R, 550, "5.1.2 bad domain", BOUNCE),
    (R, 501, "5.1.3 bad syntax", BOUNCE),
    (R, 550, "5.1.6 moved", BOUNCE),
    (R, 556, "5.1.10 null MX", BOUNCE),
    (R, 556, "domain takes no mail", BOUNCE),
    (R, 550, "5.2.1 disabled", BOUNCE),
    (R, 550, "5.4.4 no route", BOUNCE),
    (R, 551, "user not local", BOUNCE),
    (R, 553, "mailbox name not allowed", BOUNCE),
    (R, 550, "No such user here", BOUNCE),
    (R, 550, "<ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table", BOUNCE),
    # The recipient, not this mail
    (R, 550, "5.2.0 other", REFUSED),
    (R, 552, "5.2.2 over quota", REFUSED),
    (R, 552, "storage exceeded", REFUSED),
    (R, 552, "5.2.3 too large", REFUSED),
    (R, 550, "5.7.1 rejected for policy reasons", REFUSED),
    (R, 550, "5.7.17 mailbox owner changed", REFUSED),
    (R, 550, "5.6.7 needs SMTPUTF8", REFUSED),
    (R, 550, "blocked by our blacklist, user unknown or not", REFUSED),
    (R, 550, "mailbox unavailable", BOUNCE),
    (R, 550, "no", REFUSED),
    (R, 554, "no", REFUSED),
    (R, 501, "no", REFUSED),
    # Us, as the recipient's server or a relay sees it
    (R, 554, "5.7.1 <ada@example.org>: Relay access denied", FAILED),
    (R, 550, "5.7.1 Unable to relay", FAILED),
    (R, 550, "relay not permitted", FAILED),
    (R, 530, "5.7.0 authentication required", FAILED),
    (R, 550, "5.7.26 unauthenticated", FAILED),
    (R, 550, "5.1.8 sender address", FAILED),
    (R, 503, "5.5.1 bad sequence", FAILED),
    (R, 500, "what?", FAILED),
    # The content
    (D, 421, "closing", FAILED),
    (D, 451, "4.3.0 local", FAILED),
    (D, 452, "4.3.1 full", FAILED),
    (D, 503, "5.5.1 no recipients", FAILED),
    (D, 554, "5.5.1 no valid recipients", FAILED),
    (D, 552, "5.3.4 too large", REFUSED),
    (B, 421, "4.7.0 closing", FAILED),
    (B, 450, "4.7.1 later", FAILED),
    (B, 451, "4.3.0 local", FAILED),
    (B, 451, "4.7.28 too fast", THROTTLED),
    (B, 452, "4.3.1 full", FAILED),
    (B, 454, "Throttling failure: Daily message quota exceeded.", THROTTLED),
    (B, 550, "5.7.1 spam", REFUSED),
    (B, 550, "5.1.1 user unknown", BOUNCE),
    (B, 550, "no", REFUSED),
    (B, 552, "5.3.4 too large", REFUSED),
    (B, 552, "5.2.2 full", REFUSED),
    (B, 552, "no", REFUSED),
    (B, 554, "5.6.0 content", REFUSED),
    (B, 554, "5.7.1 content", REFUSED),
    (B, 554, "transaction failed", REFUSED),
    (B, 550, "5.3.0 system", FAILED),
    (B, 500, "what?", FAILED),
    # No answers at all
    (M, 354, "go on", FAILED),
    (R, 0, "", FAILED),
    (B, 354, "go on", FAILED),
    (B, 999, "what", FAILED),
]


def kind_of(phase: Phase, code: int, text: str) -> str:
    reading = read_reply(phase, code, text)
    match reading.outcome:
        case Rejected():
            return BOUNCE if reading.bounce else REFUSED
        case Failed(handed_over=handed_over):
            assert not handed_over, "it was answered"
            return FAILED
        case Throttled():
            return THROTTLED
    raise AssertionError(reading)


@pytest.mark.parametrize(("phase", "code", "text", "kind"), REPLIES, ids=lambda value: str(value)[:30])
def test_every_reply_has_its_result(phase: Phase, code: int, text: str, kind: str) -> None:
    assert kind_of(phase, code, text) == kind


@pytest.mark.parametrize("status", MEANINGS)
def test_every_enhanced_code_of_the_registry_has_its_result_after_rcpt(status: str) -> None:
    code = 550 if status.startswith("5") else 450
    reading = read_reply(Phase.RCPT, code, f"{status} words")
    assert not isinstance(reading.outcome, Sent)
    assert MEANINGS[status][1] in reading.outcome.detail
    assert reading.bounce == (MEANINGS[status][0].name == "BOUNCE")


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("4.2.2 full", timedelta(hours=1)),
        ("4.7.1 try again", timedelta(minutes=5)),
        ("Greylisted", timedelta(minutes=5)),
        ("4.2.1 busy", timedelta(minutes=10)),
        ("4.3.0 local error", None),
    ],
)
def test_what_takes_its_time_is_not_hurried(text: str, wait: timedelta | None) -> None:
    outcome = read_reply(Phase.RCPT, 450, text).outcome
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == wait


@pytest.mark.parametrize(
    ("code", "hangs_up"), [(421, True), (521, True), (354, True), (0, True), (550, False), (451, False)]
)
def test_only_a_server_that_leaves_or_is_out_of_step_is_left(code: int, *, hangs_up: bool) -> None:
    assert read_reply(Phase.RCPT, code, "x").hang_up is hangs_up


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, "5.1.1 no", "5.1.1"),
        (550, "5.1.10", "5.1.10"),
        (550, "4.1.1 no", None),
        (550, "x 5.1.1", None),
        (550, "5.1.1111 x", None),
    ],
)
def test_an_enhanced_code_counts_where_it_fits_the_reply(code: int, text: str, status: str | None) -> None:
    assert enhanced_code(code, text) == status


@given(st.sampled_from(Phase), st.integers(0, 999), st.text(max_size=200))
def test_nothing_that_a_server_says_is_repeated_or_raises(phase: Phase, code: int, words: str) -> None:
    reading = read_reply(phase, code, f"<secret@example.org> {words}")
    assert "secret" not in str(reading)
    assert not reading.bounce or isinstance(reading.outcome, Rejected)


@pytest.mark.parametrize(
    ("status", "bad"),
    [
        ("5.1.1", True),
        ("5.1.99", True),
        ("5.0.0", True),
        ("5.2.1", True),
        ("5.4.4", True),
        ("5.2.2", False),
        ("5.2.3", False),
        ("5.3.4", False),
        ("5.6.1", False),
        ("5.7.1", False),
        ("5.7.26", False),
        ("5.1.8", False),
        ("4.4.1", False),
        ("4.2.2", False),
        ("5.9.9", False),
    ],
)
def test_a_bounce_suppresses_only_for_the_address(status: str, *, bad: bool) -> None:
    assert is_bad_address(status) is bad


def test_what_may_pass_at_the_recipient_is_nothing_against_the_provider() -> None:
    assert read_reply(Phase.RCPT, 452, "4.2.2 over quota").outcome == Failed(
        "452 4.2.2 when naming the recipient: the mailbox is full", MAILBOX_FULL_WAIT, recipient=True
    )
    connecting = read_reply(Phase.HELLO, 451, "4.3.0 later").outcome
    assert isinstance(connecting, Failed)
    assert not connecting.recipient


@pytest.mark.parametrize("word", ["user ", "recipient ", "mailbox "])
def test_a_reply_of_64_kib_is_read_soon(word: str) -> None:
    started = time.process_time()
    read_reply(Phase.RCPT, 550, word * (64 * 1024 // len(word)))
    assert time.process_time() - started < 1.0  # of CPU; 0.01, and minutes where all of it is read
