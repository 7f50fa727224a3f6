"""Links of a mail that lead through the hub lead to where they led before, and everything else stays as it is."""

from __future__ import annotations

import time
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.tracking import MAX_URL, is_followable, track


class Links(HTMLParser):
    """What a browser would follow, in order; and the text that it would show."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.hrefs: list[str | None] = []
        self.images: list[dict[str, str | None]] = []
        self.shown: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        first: dict[str, str | None] = {}
        for name, value in attrs:
            first.setdefault(name, value)
        if tag in ("a", "area"):
            self.hrefs.append(first.get("href"))
        elif tag == "img":
            self.images.append(first)

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def tracked(html: str, pixel: str | None = None) -> tuple[str, list[str]]:
    """The mail with links to `https://hub/{place}`, and the URLs that those stand for."""
    urls: list[str] = []

    def link(url: str, place: int) -> str:
        assert place == len(urls)
        urls.append(url)
        return f"https://hub/{place}?a=1&b=2"

    return track(html, link=link, pixel=pixel), urls


def followed(html: str) -> list[str | None]:
    """Where the links of a tracked mail lead in the end."""
    after, urls = tracked(html)
    return [
        urls[int(href.removeprefix("https://hub/").partition("?")[0])]
        if href is not None and href.startswith("https://hub/")
        else href
        for href in Links(after).hrefs
    ]


letters = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\\"), max_size=30
)
urls = st.builds(
    lambda scheme, path, query: f"{scheme}://shop.example/{path}?{query}",
    st.sampled_from(["http", "https"]),
    letters,
    letters,
)
anywhere = st.one_of(
    urls, st.sampled_from(["mailto:a@b.c", "tel:+49", "#top", "/path", "//host/x", "javascript:alert(1)", ""])
)


@st.composite
def tags(draw: st.DrawFn) -> str:
    """A link as a template may write it: any quotes, case, order and neighbours."""
    quote = draw(st.sampled_from(['"', "'"]))
    href = f"{draw(st.sampled_from(['href', 'HREF', 'Href']))}={quote}{escape(draw(anywhere))}{quote}"
    others = draw(
        st.lists(
            st.sampled_from(
                ['title="a > b"', "class=x", "data-href='https://no.example/'", "hidden", 'alt="<a href=x>"']
            )
        )
    )
    attributes = draw(st.permutations([href, *others]))
    return f"<{draw(st.sampled_from(['a', 'A', 'area']))} {' '.join(attributes)}>{escape(draw(letters))}</a>"


@given(
    st.lists(
        st.one_of(
            tags(), letters.map(escape), st.sampled_from(["<p>", "<!-- it's -->", "<abbr>", "<style>a{}</style>"])
        )
    )
)
def test_every_link_of_a_rewritten_mail_leads_to_the_same_url(parts: list[str]) -> None:
    html = "\n".join(parts)
    assert followed(html) == Links(html).hrefs
    assert Links(tracked(html)[0]).shown == Links(html).shown


@given(st.text(st.sampled_from("<a/> href='\"=&;:hps-\n\0"), max_size=200))
def test_whatever_stands_there_only_web_links_are_changed(html: str) -> None:
    after, found = tracked(html)
    assert (after == html) == (not found)


def test_links_are_followed_and_nothing_else_is_touched() -> None:
    html = (
        "<html><body><a href=\"https://a.example/?x=1&amp;y=2\">A</a> <a href='mailto:x@y.z'>mail</a>"
        '<img src="https://a.example/logo.png"><a name=top>no</a><a href="https://b.example/" data-untracked>own</a>'
        "</BODY ></html>"
    )
    after, found = tracked(html, "https://hub/p.gif?x&y")
    assert found == ["https://a.example/?x=1&y=2"]
    pixel = '<img src="https://hub/p.gif?x&amp;y" alt="" width="1" height="1" style="width:1px;height:1px;border:0">'
    led = html.replace("https://a.example/?x=1&amp;y=2", "https://hub/0?a=1&amp;b=2")
    assert after == led.replace("</BODY >", pixel + "</BODY >")


def test_without_a_body_the_pixel_stands_at_the_end() -> None:
    after = track("<p>hi</p>", pixel="https://hub/p.gif")
    assert after.startswith("<p>hi</p><img ")
    assert Links(after).images[0]["alt"] == ""


def test_a_link_that_is_refused_stays_and_takes_its_place() -> None:
    places: list[int] = []

    def link(url: str, place: int) -> str | None:
        places.append(place)
        return None if "own" in url else "https://hub/x"

    html = '<a href="https://own.example/">1</a><a href=https://b.example/>2</a>'
    assert track(html, link=link) == '<a href="https://own.example/">1</a><a href="https://hub/x">2</a>'
    assert places == [0, 1]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "ftp://a/", "//a.example/", "/x", "",
        "https:a.example", "https:///x", "https://a.example/ x", "https://a.example\\@b.example/", "http://[::1",
        "https://x/\ny",
        "https://a.example/\0", "https://a.example/" + "x" * MAX_URL,
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_not_followed(url: str) -> None:
    assert not is_followable(url)
    assert followed(f'<a href="{escape(url)}">x</a>') == Links(f'<a href="{escape(url)}">x</a>').hrefs


@pytest.mark.parametrize(
    "piece", ['<a "', "<a ", "<a href=", '<a href="', "</body", "<a " + "x" * 40, "<a href='https://x/'\""]
)
def test_broken_html_takes_no_longer_than_its_length_asks_for(piece: str) -> None:
    """Milliseconds of CPU; what is quadratic takes minutes."""
    before = time.process_time()
    track(piece * 100_000, link=lambda url, place: url, pixel="https://hub/p")
    assert time.process_time() - before < 5
