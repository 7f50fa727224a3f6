"""Masking: what providers say, without addresses, numbers and secrets, and not too long.

An answer of a provider quotes what it was asked: `550 5.1.1 <ada@example.com>: user unknown`. Details go to timelines
and logs, which more people read than may know that. It errs on the side of hiding: every URL loses what follows its
host (a push endpoint's path is its secret, and so is a webhook's), and a long word of letters and digits is a key.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 300
_READ_CHARACTERS = 4_000  # of a page of HTML

_HIDDEN = "***"
_NAMES = (
    r"(?:(?:api|access|auth|account)[-_ ]?)?"
    r"(?:token|key|secret|password|passwd|pwd|signature|sig|sid|credentials?)"
)
_UUID = r"[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # https://user:password@host:1/path?query: only where it leads
        (r"\b([a-z][a-z0-9+.-]{1,20}://)(?:[^\s/?#@]{0,500}@)?([^\s/?#@\"'<>,;]{1,255})[/?#][^\s\"'<>]*", r"\1\2/…"),
        (r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#@]{0,500}@", r"\1"),
        (r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key)(\s*[:=]\s*)[^\r\n]+", rf"\1\2{_HIDDEN}"),
        (
            r"\b(bearer|basic|digest|negotiate|vapid)\s+(?!(?-i:[a-z]+)[.,:;)]?(?:\s|$))[\w+/=.~,-]{6,}",
            rf"\1 {_HIDDEN}",
        ),
        (rf"\b({_NAMES})\b(\"?\s*[:=]\s*\"?)[^\s\"'&,;<>]+", rf"\1\2{_HIDDEN}"),
        (r"\?[\w.~%-]{1,100}=[^\s\"'<>]*", "?…"),
        (r"\"([^\"\s@])[^\"@\n]{0,64}\"@([^\s@<>\"'(),:;]{1,255})", rf"\1{_HIDDEN}@\2"),
        (r"([^\s@<>\"'(),:;])[^\s@<>\"(),:;]{0,128}@([^\s@<>\"'(),:;]{1,255})", rf"\1{_HIDDEN}@\2"),
        (rf"(?<![\w-])(?!{_UUID})(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])[\w+/=-]{{20,}}", _HIDDEN),
        (r"\+\d[\d\s().-]{4,20}\d", _HIDDEN),
        (r"(?<![\w.-])\(?\d{2,4}\)?[ /-]\d{3,4}[ /-]\d{3,5}(?![\w.-])", _HIDDEN),
        (rf"(?<![\da-f-])(?!{_UUID})\d{{7,}}|(?<![\da-f-])\d{{9,}}", _HIDDEN),
    )
)


def mask(text: str) -> str:
    """`text` with everything hidden that may be an address, a number or a secret; at most MAX_CHARACTERS.

    Masking what is masked changes nothing. Linear in time.
    """
    masked = text[:_READ_CHARACTERS]
    for pattern, replacement in _RULES:
        masked = pattern.sub(replacement, masked)
    return masked if len(masked) <= MAX_CHARACTERS else masked[: MAX_CHARACTERS - 1] + "…"
