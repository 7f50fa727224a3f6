"""Programs and people, told apart: requests as they are known from the field."""

from __future__ import annotations

import pytest

from hub.model.automation import Evidence, Why, automated

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.4.0"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; ms-office; MSOffice 16)"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
LATER = 120.0


@pytest.mark.parametrize("agent", [CHROME, IPHONE, FIREFOX])
def test_somebody_with_a_browser_who_follows_a_link(agent: str) -> None:
    assert automated(Evidence("clicked", agent, "de-DE,de;q=0.9", "", LATER)) is None


@pytest.mark.parametrize("agent", [IPHONE, THUNDERBIRD, OUTLOOK, GMAIL, YAHOO])
def test_somebody_who_opens_a_mail_also_through_a_proxy_that_fetches_when_it_is_shown(agent: str) -> None:
    assert automated(Evidence("opened", agent, "", "", LATER)) is None


def test_apples_proxy_opens_every_mail() -> None:
    assert automated(Evidence("opened", "Mozilla/5.0", "", "", LATER)) is Why.PRIVACY_PROXY


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "python-requests/2.32.3",
        "Python/3.11 aiohttp/3.10",
        "curl/8.5.0",
        "Go-http-client/1.1",
        "Java/17.0.9",
        "okhttp/4.12.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "BarracudaSentinel",
        "Mimecast URL Protection",
        "Mozilla/5.0 (Windows NT 10.0) Proofpoint",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
        "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1) SkypeUriPreview Preview/0.5",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1",
        "WhatsApp/2.24.1 A",
        "TelegramBot (like TwitterBot)",
    ],
)
@pytest.mark.parametrize("event", ["opened", "clicked"])
def test_programs_that_say_what_they_are(agent: str, event: str) -> None:
    assert automated(Evidence(event, agent, "en", "", LATER)) is Why.USER_AGENT  # type: ignore[arg-type]


def test_a_scanner_that_looks_like_a_browser_gives_itself_away() -> None:
    assert automated(Evidence("clicked", CHROME, "", "", LATER)) is Why.NO_LANGUAGE
    assert automated(Evidence("clicked", CHROME, "en", "", 0.4)) is Why.TOO_SOON
    assert automated(Evidence("clicked", CHROME, "en", "", -0.1)) is Why.TOO_SOON
    assert automated(Evidence("clicked", CHROME, "en", "", LATER, links=3)) is Why.BURST


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender", " prefetch ", "preview"])
def test_what_a_browser_fetches_ahead_was_followed_by_nobody(purpose: str) -> None:
    assert automated(Evidence("clicked", CHROME, "en", purpose, LATER)) is Why.PREFETCH
