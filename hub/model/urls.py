"""Which addresses a click may lead to."""

from __future__ import annotations

import re

# Absolute http(s) without credentials, or a path of the same site. No spaces, controls or backslashes, which browsers
# rewrite; no `//host`. So `javascript:` and every other scheme is out by form, not by a list of bad ones.
URL_PATTERN = (
    r"(?:[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7f-\x9f\\/?#@]+(?:[/?#][^\x00-\x20\x7f-\x9f\\]*)?"
    r"|/(?![/\\])[^\x00-\x20\x7f-\x9f\\]*)"
)
MAX_URL = 2_048  # characters; what browsers and mail clients all take (the sitemap protocol draws the same line)
_URL = re.compile(URL_PATTERN)


def is_url(text: str) -> bool:
    """Whether `text` is an http or https address, or a path that begins with one slash."""
    return len(text) <= MAX_URL and _URL.fullmatch(text) is not None
