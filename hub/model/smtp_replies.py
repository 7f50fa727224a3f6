"""What a mail server's reply means: one table from phase, code and enhanced code to what becomes of the message.

A reply is about the recipient, the content, us, or the server itself, and the code alone does not say which: 550 is an
unknown mailbox after RCPT, a forbidden sender after MAIL, and spam after the data. Enhanced codes (RFC 3463, RFC 5248's
registry) say it where servers give them; where they do not, the phase decides, and a bare 550 after RCPT is read by its
words. The server's words never go further than this: they repeat the address.

| verdict   | outcome                                                                                          |
|-----------|--------------------------------------------------------------------------------------------------|
| BOUNCE    | Rejected, and the address is suppressed: there is no such mailbox, now or ever                     |
| REFUSED   | Rejected: this message to this recipient; the next one may be taken                                |
| PROVIDER  | Failed: the server's own fault, or ours towards it; another provider may take it                   |
| LATER     | Failed, for the recipient's server or the mailbox, which may be better later                       |
| THROTTLED | Throttled: too much at once                                                                        |
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple

from hub.model.outcome import Failed, Outcome, Rejected, Throttled


class Phase(StrEnum):
    """What a reply answers; or what was under way when there was none."""

    CONNECT = "connecting"
    HELLO = "greeting"
    TLS = "securing"
    AUTH = "logging in"
    MAIL = "naming the sender"
    RCPT = "naming the recipient"
    DATA = "announcing the content"
    BODY = "sending the content"


class Verdict(Enum):
    BOUNCE = auto()
    REFUSED = auto()
    PROVIDER = auto()
    LATER = auto()
    THROTTLED = auto()


class Reading(NamedTuple):
    """What follows from a reply.

    Attributes:
        bounce: Nobody is at the address: it is to be suppressed.
        hang_up: The server is about to close the connection, or cannot be trusted to be in step.
    """

    outcome: Outcome
    bounce: bool = False
    hang_up: bool = False


MAX_READ = 1_000  # characters of a reply (RFC 5321 allows a line 512): our patterns take the square of it
MAILBOX_FULL_WAIT = timedelta(hours=1)
GREYLIST_WAIT = timedelta(minutes=5)  # RFC 6647, section 5: delays of a minute to a day; Postgrey's is 5 minutes
BUSY_MAILBOX_WAIT = timedelta(minutes=10)

_SETTING_UP: Final = frozenset({Phase.CONNECT, Phase.HELLO, Phase.TLS, Phase.AUTH})
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_RATE = re.compile(
    r"throttl|rate.?limit|(?:sending|maximum|max) rate|too (?:many|fast|quickly)|quota exceeded", re.IGNORECASE
)
_RELAY = re.compile(r"\brelay|not (?:allowed|permitted|authori[sz]ed) to send|authenticat|sender verify", re.IGNORECASE)
_POLICY = re.compile(
    r"spam|block|polic|blacklist|denylist|reputation|denied|content|prohibit|dmarc|\bspf\b", re.IGNORECASE
)
_UNKNOWN = re.compile(
    r"(?:user|mailbox|recipient|address|account)\b.*(?:unknown|not found|no(?:t|n)[- ]?exist|invalid|disabled|inactive|"
    r"unavailable|rejected|closed|does(?:n't| not) exist)|(?:no such|unknown|invalid|unrouteable) "
    r"(?:user|mailbox|recipient|address|account|person)",
    re.IGNORECASE | re.DOTALL,
)

MEANINGS: Final[dict[str, tuple[Verdict, str]]] = {
    # X.1: the address
    "5.1.0": (Verdict.BOUNCE, "the address is not taken"),
    "5.1.1": (Verdict.BOUNCE, "there is no such mailbox"),
    "5.1.2": (Verdict.BOUNCE, "there is no such domain"),
    "5.1.3": (Verdict.BOUNCE, "the address has a wrong form"),
    "5.1.4": (Verdict.REFUSED, "the address is ambiguous"),
    "5.1.5": (Verdict.REFUSED, "the address is taken, and its mailbox refused"),
    "5.1.6": (Verdict.BOUNCE, "the mailbox has moved"),
    "5.1.7": (Verdict.PROVIDER, "the sender's address has a wrong form"),
    "5.1.8": (Verdict.PROVIDER, "the sender's domain is not taken"),
    "5.1.9": (Verdict.REFUSED, "the mail was passed on to a system that is not a mail system"),
    "5.1.10": (Verdict.BOUNCE, "the domain takes no mail"),
    "4.1.7": (Verdict.PROVIDER, "the sender's address is not taken now"),
    "4.1.8": (Verdict.PROVIDER, "the sender's domain is not taken now"),
    # X.2: the mailbox
    "5.2.0": (Verdict.REFUSED, "the mailbox does not take it"),
    "5.2.1": (Verdict.BOUNCE, "the mailbox is disabled"),
    "5.2.2": (Verdict.REFUSED, "the mailbox is full"),
    "5.2.3": (Verdict.REFUSED, "the mail is larger than the mailbox takes"),
    "5.2.4": (Verdict.REFUSED, "the mailing list behind the address fails"),
    "4.2.1": (Verdict.LATER, "the mailbox takes nothing now"),
    "4.2.2": (Verdict.LATER, "the mailbox is full"),
    # X.3: the mail system
    "5.3.0": (Verdict.PROVIDER, "the mail system fails"),
    "5.3.1": (Verdict.PROVIDER, "the mail system is full"),
    "5.3.2": (Verdict.PROVIDER, "the mail system takes nothing"),
    "5.3.3": (Verdict.PROVIDER, "the mail system lacks a feature"),
    "5.3.4": (Verdict.REFUSED, "the mail is larger than the mail system takes"),
    "5.3.5": (Verdict.PROVIDER, "the mail system is set up wrongly"),
    "5.3.6": (Verdict.PROVIDER, "the mail system does not take the priority"),
    # X.4: network and routing
    "5.4.1": (Verdict.PROVIDER, "the recipient's server does not answer"),
    "5.4.4": (Verdict.BOUNCE, "there is no way to the domain"),
    "5.4.6": (Verdict.PROVIDER, "the mail would go in circles"),
    "5.4.7": (Verdict.REFUSED, "the recipient's server could not be reached for too long"),
    "4.4.5": (Verdict.THROTTLED, "the mail system is congested"),
    # X.5: the protocol
    "5.5.3": (Verdict.PROVIDER, "too many recipients"),
    "4.5.3": (Verdict.THROTTLED, "too many recipients for now"),
    # X.6: the content
    "5.6.0": (Verdict.REFUSED, "the content is not taken"),
    "5.6.1": (Verdict.REFUSED, "the kind of content is not taken"),
    "5.6.7": (Verdict.REFUSED, "the address needs a server that takes international ones"),
    "5.6.9": (Verdict.REFUSED, "the address needs a server that takes international ones"),
    # X.7: security and policy
    "5.7.0": (Verdict.PROVIDER, "it asks for authentication or encryption"),
    "5.7.1": (Verdict.REFUSED, "a policy refuses it"),
    "5.7.3": (Verdict.PROVIDER, "it asks for authentication"),
    "5.7.4": (Verdict.PROVIDER, "it lacks a security feature"),
    "5.7.8": (Verdict.PROVIDER, "the credentials are wrong"),
    "5.7.9": (Verdict.PROVIDER, "the way of authentication is too weak"),
    "5.7.10": (Verdict.PROVIDER, "it asks for encryption"),
    "5.7.11": (Verdict.PROVIDER, "it asks for encryption"),
    "5.7.12": (Verdict.PROVIDER, "the password has expired"),
    "5.7.13": (Verdict.PROVIDER, "the account is disabled"),
    "5.7.14": (Verdict.PROVIDER, "it asks for a trust relationship"),
    "5.7.20": (Verdict.PROVIDER, "no DKIM signature passes"),
    "5.7.21": (Verdict.PROVIDER, "no DKIM signature is good enough"),
    "5.7.22": (Verdict.PROVIDER, "no DKIM signature is the author's"),
    "5.7.23": (Verdict.PROVIDER, "SPF does not allow the sending server"),
    "5.7.24": (Verdict.PROVIDER, "the SPF record is broken"),
    "5.7.25": (Verdict.PROVIDER, "the sending server has no reverse DNS"),
    "5.7.26": (Verdict.PROVIDER, "neither SPF nor DKIM passes"),
    "5.7.27": (Verdict.PROVIDER, "the sender's domain takes no mail"),
    "4.7.0": (Verdict.LATER, "a policy refuses it for now"),
    "4.7.1": (Verdict.LATER, "it is greylisted, or a policy refuses it for now"),
    "4.7.12": (Verdict.PROVIDER, "the password has to be changed"),
    "4.7.28": (Verdict.THROTTLED, "the sender is too fast"),
}
"""By enhanced code, where it says more than its subject and the phase."""

_SUBJECTS: Final[dict[str, tuple[Verdict, str]]] = {
    "5.1": (Verdict.BOUNCE, "the address is not taken"),
    "5.2": (Verdict.REFUSED, "the mailbox does not take it"),
    "5.3": (Verdict.PROVIDER, "the mail system fails"),
    "5.4": (Verdict.PROVIDER, "the mail cannot be passed on"),
    "5.5": (Verdict.PROVIDER, "it did not understand us"),
    "5.6": (Verdict.REFUSED, "the content is not taken"),
    "5.7": (Verdict.REFUSED, "a policy refuses it"),
    "4.1": (Verdict.LATER, "the address is not taken now"),
    "4.2": (Verdict.LATER, "the mailbox takes nothing now"),
    "4.3": (Verdict.PROVIDER, "the mail system takes nothing now"),
    "4.4": (Verdict.LATER, "the recipient's server does not answer"),
    "4.5": (Verdict.PROVIDER, "it did not understand us"),
    "4.6": (Verdict.LATER, "the content is not taken now"),
    "4.7": (Verdict.LATER, "a policy refuses it for now"),
}

_BARE: Final[dict[tuple[Phase, int], tuple[Verdict, str]]] = {
    (Phase.MAIL, 552): (Verdict.REFUSED, "the mail is too large"),
    (Phase.RCPT, 552): (Verdict.REFUSED, "the mailbox is full"),
    (Phase.DATA, 552): (Verdict.REFUSED, "the mail is too large"),
    (Phase.BODY, 552): (Verdict.REFUSED, "the mail is too large, or the mailbox full"),
    (Phase.RCPT, 501): (Verdict.REFUSED, "the address is not understood"),
    (Phase.RCPT, 550): (Verdict.REFUSED, "the recipient is not taken"),
    (Phase.RCPT, 551): (Verdict.BOUNCE, "the mailbox is not here"),
    (Phase.RCPT, 553): (Verdict.BOUNCE, "the mailbox's name is not allowed"),
    (Phase.RCPT, 554): (Verdict.REFUSED, "the recipient is not taken"),
    (Phase.RCPT, 556): (Verdict.BOUNCE, "the domain takes no mail"),  # RFC 7504
    (Phase.BODY, 550): (Verdict.REFUSED, "the content is not taken"),
    (Phase.BODY, 553): (Verdict.REFUSED, "the content is not taken"),
    (Phase.BODY, 554): (Verdict.REFUSED, "the content is not taken"),
}
"""By phase and code, without an enhanced one; everything else is PROVIDER."""


def enhanced_code(code: int, text: str) -> str | None:
    """The enhanced code at the beginning of a reply's text, if its class is the reply's (RFC 2034, section 4)."""
    match = _ENHANCED.match(text)
    return match[0] if match is not None and match[1] == str(code)[:1] else None


def read_reply(phase: Phase, code: int, text: str) -> Reading:
    """What a reply that is no success means for the message."""
    text = text[:MAX_READ]
    status = enhanced_code(code, text)
    verdict, meaning = _judge(phase, code, status, text)
    detail = " ".join(part for part in (str(code), status) if part) + f" when {phase.value}: {meaning}"
    hang_up = code in (421, 521) or not 400 <= code <= 599
    match verdict:
        case Verdict.BOUNCE:
            return Reading(Rejected(detail), bounce=True, hang_up=hang_up)
        case Verdict.REFUSED:
            return Reading(Rejected(detail), hang_up=hang_up)
        case Verdict.THROTTLED:
            return Reading(Throttled(detail=detail), hang_up=hang_up)
        case _:
            later = verdict is Verdict.LATER
            return Reading(Failed(detail, _wait(phase, status, text), recipient=later), hang_up=hang_up)


def is_bad_address(status: str) -> bool:
    """Whether an enhanced code in a bounce says that the address will never take mail. RFC 3464 reports give nothing
    but the code; what is about size, content, policy or a full mailbox says nothing against the address.
    """
    if not status.startswith("5."):
        return False
    if status == "5.0.0":
        return True
    verdict, _ = MEANINGS.get(status) or _SUBJECTS.get(status.rpartition(".")[0]) or (Verdict.PROVIDER, "")
    return verdict is Verdict.BOUNCE


def _judge(phase: Phase, code: int, status: str | None, text: str) -> tuple[Verdict, str]:
    if not 400 <= code <= 599:
        return Verdict.PROVIDER, "that is no answer to what was said"
    if phase in _SETTING_UP:
        if code < 500 and _is_rate(enhanced_code(code, text), text):
            return Verdict.THROTTLED, "too much at once"
        refused = phase is Phase.AUTH and code >= 500
        return Verdict.PROVIDER, "the credentials are refused" if refused else "it does not take us"
    if code == 421:
        return (Verdict.THROTTLED, "too much at once") if _is_rate(status, text) else (Verdict.PROVIDER, "it closes")
    found = _meant(status)
    if found is None:
        found = _bare(phase, code, text)
    verdict, meaning = found
    if code < 500 and verdict is not Verdict.THROTTLED and phase is not Phase.RCPT and _RATE.search(text):
        return Verdict.THROTTLED, "too much at once"
    if phase is Phase.MAIL and status not in ("5.3.4", "5.2.3") and verdict in (Verdict.BOUNCE, Verdict.REFUSED):
        return (verdict, meaning) if code == 552 else (Verdict.PROVIDER, "the sender is not taken")
    if phase is Phase.DATA and verdict is Verdict.BOUNCE:
        return Verdict.PROVIDER, meaning
    if phase is Phase.RCPT and verdict is Verdict.REFUSED and _RELAY.search(text):
        return Verdict.PROVIDER, "it does not pass mail on for us"
    return verdict, meaning


def _is_rate(status: str | None, text: str) -> bool:
    return _RATE.search(text) is not None or MEANINGS.get(status or "", (None, ""))[0] is Verdict.THROTTLED


def _meant(status: str | None) -> tuple[Verdict, str] | None:
    if status is None:
        return None
    return MEANINGS.get(status) or _SUBJECTS.get(status.rpartition(".")[0])


def _bare(phase: Phase, code: int, text: str) -> tuple[Verdict, str]:
    if code < 500:
        return (Verdict.LATER if phase is Phase.RCPT else Verdict.PROVIDER), "it asks to come back later"
    found = _BARE.get((phase, code), (Verdict.PROVIDER, "it does not take what we say"))
    if phase is Phase.RCPT and found[0] is not Verdict.PROVIDER and (_POLICY.search(text) or _RELAY.search(text)):
        return Verdict.REFUSED, "a policy refuses it"
    if phase is Phase.RCPT and code == 550 and _UNKNOWN.search(text):
        return Verdict.BOUNCE, "there is no such mailbox"
    return found


def _wait(phase: Phase, status: str | None, text: str) -> timedelta | None:
    """How long it makes no sense to come back; None: the retry policy knows best."""
    if phase is not Phase.RCPT:
        return None
    if status == "4.2.2":
        return MAILBOX_FULL_WAIT
    if status == "4.2.1" or _RATE.search(text):
        return BUSY_MAILBOX_WAIT
    if status in ("4.7.1", "4.7.0") or "greylist" in text.lower():
        return GREYLIST_WAIT
    return None
