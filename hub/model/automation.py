"""Who opened, who clicked: a person, or a program that looks at mail before or for them.

Nothing here is proof; a scanner that behaves like a browser is taken for a person, and the other way round. So what is
decided here only counts: nothing stops or starts for an open, and for a click only the item is marked as the person
would have. What is known of such programs, and from where:

- Apple's Mail Privacy Protection (since iOS 15) fetches all remote content of a mail through proxies, read or not, and
  calls itself exactly `Mozilla/5.0` (measured by several senders, 2021; Postmark and Litmus published it).
- Gmail fetches pictures by `GoogleImageProxy` when the mail is shown (Gmail help, "Images shown by default", 2013); so
  does Yahoo by `YahooMailProxy`. Both stand for a person who looks. Gmail also fetches some right after delivery.
- Security gateways (Barracuda, Mimecast, Proofpoint, Microsoft Defender's Safe Links) follow links before or when the
  mail is delivered: within seconds, several of one mail at once, often by HEAD first, and without `Accept-Language`,
  which every browser sends (Twilio SendGrid, "bot clicks"; HubSpot, "bot filtering", which names time and user agent).
- A browser that fetches ahead of a click says so: `Sec-Purpose: prefetch` (Fetch standard, section 3.6), before that
  `Purpose` and `X-Moz`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal, NamedTuple

TOO_SOON_SECONDS = 2.0  # from the provider's "taken" to the event: nobody gets, opens and reads a mail faster
BURST_SECONDS = 1.0  # several links of one mail within it: nobody reads what is behind the first

_APPLE = "Mozilla/5.0"
_VIEWED_BY_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy")
_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|headless|phantom|prefetch|link-?check|url-?check|"
    r"barracuda|mimecast|proofpoint|safelinks|symantec|messagelabs|trendmicro|fortinet|sophos|zscaler|cloudmark|"
    r"facebookexternalhit|slack|whatsapp|skype|telegram|"
    r"^(?:curl|wget|python|aiohttp|go-http-client|java|okhttp|apache-httpclient|libwww|ruby|perl|axios|node|php|guzzle)",
    re.IGNORECASE,
)


class Why(StrEnum):
    """What gave a program away."""

    PREFETCH = "prefetch"
    PRIVACY_PROXY = "privacy_proxy"
    USER_AGENT = "user_agent"
    NO_LANGUAGE = "no_language"
    TOO_SOON = "too_soon"
    BURST = "burst"


class Evidence(NamedTuple):
    """One fetch of a pixel or a link, as its request and its mail tell of it.

    Attributes:
        after_seconds: From when the mail was taken by its provider.
        links: How many different links of the mail were followed within BURST_SECONDS of this one, itself among them.
    """

    event: Literal["opened", "clicked"]
    user_agent: str = ""
    accept_language: str = ""
    purpose: str = ""
    after_seconds: float = 0.0
    links: int = 1


def automated(seen: Evidence) -> Why | None:
    """What gave a program away; None: it looks like a person."""
    if "prefetch" in seen.purpose.lower() or "preview" in seen.purpose.lower():
        return Why.PREFETCH
    if seen.event == "opened" and seen.user_agent == _APPLE:
        return Why.PRIVACY_PROXY
    if not seen.user_agent or _PROGRAMS.search(seen.user_agent):
        return Why.USER_AGENT
    if seen.event == "clicked" and (not seen.accept_language or _VIEWED_BY_PROXY.search(seen.user_agent)):
        return Why.NO_LANGUAGE
    if seen.after_seconds < TOO_SOON_SECONDS:
        return Why.TOO_SOON
    if seen.links > 1:
        return Why.BURST
    return None
