"""What the documentation tells people to run is run: the examples, every `curl`, and the line that `hub dev` prints."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import shlex
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import expect

from hub.local.servers import Servers
from tests.conftest import with_database
from tests.e2e.test_widget import publish
from tests.support.browser import chromium
from tests.support.hub_dev import hub_command, run_hub
from tests.support.ports import free_port
from tests.support.system import ROOT, clean_environment

EXAMPLES = ROOT / "examples"
DEFAULT_URL = "http://127.0.0.1:8000"
SECONDS = 30.0  # for anything that takes a moment
PAGES = {
    "README.md": '"accepted"',
    "docs/quickstart.md": '"accepted"',
    "docs/howto/publish.md": '"accepted"',
    "docs/howto/schedule-and-cancel.md": '"accepted"',
    "docs/howto/topics-and-broadcasts.md": '"accepted"',
    "docs/howto/preferences.md": '"reason":"category_off"',
    "docs/howto/ladder.md": '"decision":"send"',
    "docs/howto/templates.md": "Bestellung 4711 ist unterwegs",
}
"""Pages with commands, and what one of them answers."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Dev:
    """A `hub dev` that people look at: its address, what it printed, and how to reach its servers."""

    url: str
    greeting: str
    servers: dict[str, str]
    page_port: int  # of the page that may show its inboxes

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment(HUB_URL=self.url, HUB_API_KEY="hk_dev", PYTHONUNBUFFERED="1")

    async def run(self, *command: str, **variables: str) -> str:
        """A command, to its end; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**self.environment, **variables}, stdout=PIPE, stderr=PIPE
        )
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        assert process.returncode == 0, (command, out.decode(), err.decode())
        return out.decode()

    async def example(self, name: str, *arguments: str, **variables: str) -> str:
        return await self.run(sys.executable, str(EXAMPLES / name), *arguments, **variables)

    async def inbox(self, token: str) -> list[str]:
        """Titles, newest first."""
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{self.url}/v1/inbox") as answer:
            assert answer.status == 200, await answer.text()
            return [item["title"] for item in (await answer.json())["items"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dev]:
    """On servers of ours, as `--external` takes them, so that signing secrets can be read as the documentation says."""
    name = f"examples_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(f"CREATE DATABASE {name}")
    page_port = free_port()
    addresses = {
        "HUB_DATABASE_URL": with_database(servers.database_url, name),
        "HUB_REDIS_URL": servers.redis_url,
        "HUB_SECRET": secrets.token_hex(32),
    }
    directory = tmp_path_factory.mktemp("dev")
    variables = {**addresses, "HUB_ALLOWED_ORIGINS": f"http://127.0.0.1:{page_port}", "PYTHONPATH": str(ROOT)}
    with (directory / "stderr.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *hub_command("dev", "--port", "0", "--external"),
            cwd=directory,
            env=clean_environment(**variables),
            stdout=PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            greeting = (await process.stdout.readuntil(b"  curl ")) + await process.stdout.readline()
        url = re.search(rb"Demo +(http://\S+)/", greeting)
        assert url is not None, greeting
        yield Dev(url[1].decode(), greeting.decode(), addresses, page_port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


@contextlib.asynccontextmanager
async def listening(dev: Dev, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """`examples/listen.py`, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "listen.py"),
        *arguments,
        env=dev.environment,
        stdout=PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def line(output: asyncio.StreamReader) -> str:
    async with asyncio.timeout(SECONDS):
        return (await output.readline()).decode().strip()


def shell_blocks(page: str) -> list[str]:
    """The blocks of a page that people paste into a shell, in order, without those that start or install something."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "make " not in block]


async def test_what_hub_dev_prints_and_publish_py_reach_listen_py(dev: Dev) -> None:
    curl = next(text.strip() for text in dev.greeting.splitlines() if text.strip().startswith("curl"))
    async with listening(dev, "ada") as output:
        assert (await line(output)).endswith(" unread")
        answer = json.loads(await dev.run(*shlex.split(curl), "-sS", "--fail-with-body"))
        assert (answer["status"], answer["recipients"]) == ("accepted", 1)
        assert await line(output) == "Hello from curl"
        answer = json.loads(await dev.example("publish.py", "ada", "From the example", "With a body"))
        assert answer["status"] == "accepted"
        assert await line(output) == "From the example"


async def test_listen_py_goes_on_where_it_was(dev: Dev, tmp_path: Path) -> None:
    place = str(tmp_path / "place.txt")
    async with listening(dev, "grace", place) as output:
        assert await line(output) == "0 unread"
        await dev.example("publish.py", "grace", "While listening")
        assert await line(output) == "While listening"
    await dev.example("publish.py", "grace", "Missed one")
    await dev.example("publish.py", "grace", "Missed two")
    async with listening(dev, "grace", place) as output:
        assert [await line(output), await line(output)] == ["Missed one", "Missed two"]
        await dev.example("publish.py", "grace", "Live again")
        assert await line(output) == "Live again"


async def test_a_token_that_sign_token_py_signs_opens_the_inbox(dev: Dev, tmp_path: Path) -> None:
    shown = await run_hub("project", "show", "dev", "--secrets", "--json", directory=tmp_path, **dev.servers)
    assert shown.status == 0, shown.err
    await dev.example("publish.py", "linus", "For Linus")
    secret: str = shown.json["signing_secret"]
    token = await dev.example("sign_token.py", "linus", HUB_SIGNING_SECRET=secret, HUB_PROJECT="dev")
    assert await dev.inbox(token.strip()) == ["For Linus"]


@contextlib.asynccontextmanager
async def backend(dev: Dev, port: int, **variables: str) -> AsyncIterator[str]:
    """`examples/backend.py`, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "backend.py"),
        str(port),
        env={**dev.environment, **variables},
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdout is not None
    try:
        yield await line(process.stdout)
    finally:
        process.kill()
        await process.communicate()


async def test_the_page_of_backend_py_shows_the_inbox(dev: Dev) -> None:
    await dev.example("publish.py", "ada", "Seen in the page")
    async with backend(dev, dev.page_port) as address, chromium() as browser:
        page = await browser.new_page(color_scheme="dark")
        await page.goto(address)
        bell = page.get_by_role("button", name="Notifications")
        await bell.click()
        await expect(page.get_by_role("article").first).to_contain_text("Seen in the page")
        await dev.example("publish.py", "ada", "And live")
        await expect(page.get_by_role("article").first).to_contain_text("And live")
        canvas = await page.evaluate("getComputedStyle(document.documentElement).color")
        assert canvas == "rgb(255, 255, 255)", "the page behind the light bell is dark, too"
        assert await bell.evaluate("(one) => getComputedStyle(one).color") == canvas, (
            "the bell is the page's, in its colour"
        )


async def test_the_examples_for_bundlers_and_frameworks_show_the_inbox(dev: Dev) -> None:
    """Each as an app's bundler makes it of the file, beside the backend that gives its tokens."""
    build = ("node", "web-widget/test/consumer/build.js")
    examples = ("npm.js", "react.jsx", "vue.js")
    bundles = await asyncio.gather(*(dev.run(*build, f"examples/{name}") for name in examples))
    await publish(dev.url, title="For all of them")
    async with backend(dev, dev.page_port) as address, chromium() as browser:
        for name, bundle in zip(examples, bundles, strict=True):
            page = await browser.new_page()
            shown = page.locator("#app li", has_text=name)
            await page.goto(f"{address}/app")  # there is no such page, so it is ours to fill
            await page.evaluate("document.body.innerHTML = '<div id=app></div>'")
            await page.add_script_tag(content=bundle.replace(DEFAULT_URL, dev.url), type="module")
            await publish(dev.url, title=name)
            await page.get_by_role("button", name="Notifications, ").click()
            row = page.get_by_role("article", name=name)
            await expect(row).to_be_visible()
            if name != "npm.js":
                await expect(page.get_by_role("heading", name=" unread")).to_be_visible()
                await shown.get_by_role("button", name="Read").press("Enter")  # the panel is over it
                await expect(shown).to_have_count(0)
            await row.get_by_role("button", name=name, exact=True).click()
            await expect(page).to_have_url(f"{address}/")  # the page went there itself: there is no link
            await page.close()

        page = await browser.new_page()
        await page.goto(f"{address}/headless.html")
        await expect(page.locator("#status")).to_have_text("live")
        rows = page.locator("li.unread", has_text="For all of them")
        await expect(rows).to_have_count(1)
        await page.get_by_role("button", name="Mark all as read").click()
        await expect(rows).to_have_count(0)
        await expect(page.locator("#unread")).to_have_text("0")


async def test_backend_py_says_what_is_wrong_in_a_sentence(dev: Dev) -> None:
    port = free_port()
    async with backend(dev, port, HUB_URL=f"http://127.0.0.1:{free_port()}") as address:
        async with aiohttp.ClientSession(address) as session:
            async with session.get("/favicon.ico") as answer:
                assert answer.status == 204
            async with session.post("/hub-token") as answer:
                assert answer.status == 502
                assert (await answer.text()).endswith(" does not answer.")
        for wrong in (str(port), "70000", "five"):
            second = await asyncio.create_subprocess_exec(
                sys.executable, str(EXAMPLES / "backend.py"), wrong, env=dev.environment, stderr=PIPE
            )
            async with asyncio.timeout(SECONDS):
                _, err = await second.communicate()
            assert (second.returncode, err.decode().count("\n")) == (1, 1)
            assert err.decode().startswith(f"Port {wrong} is taken")
    async with (
        backend(dev, port, HUB_API_KEY="hk_wrong") as address,
        aiohttp.ClientSession(address) as session,
        session.post("/hub-token") as answer,
    ):
        assert answer.status == 502
        assert (await answer.text()).startswith("The hub refused a token: ")


@pytest.mark.parametrize("page", PAGES)
async def test_every_shell_block_of_the_documentation_runs(dev: Dev, page: str) -> None:
    """As one session, as a newcomer would: at another address, with a `hub` that is where the test's Python is."""
    blocks = shell_blocks(page)
    assert any("curl" in block for block in blocks)
    script = "\n".join(blocks).replace(DEFAULT_URL, dev.url)
    script = script.replace(".venv/bin/hub", f"{sys.executable} -m hub.cli")
    failing = 'curl() { command curl -sS --fail-with-body "$@"; }'
    answered = await dev.run("sh", "-eu", "-c", f"{failing}\n{script}", PYTHONPATH=str(ROOT))
    assert PAGES[page] in answered


async def test_the_readmes_python_runs(dev: Dev, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    script = tmp_path / "readme.py"
    script.write_text(blocks[0].replace(DEFAULT_URL, dev.url))
    await dev.run(sys.executable, "-W", "ignore", str(script))
    shown = json.loads(
        await dev.run("curl", "-s", f"{dev.url}/v1/users/ada/inbox", "-H", "Authorization: Bearer hk_dev")
    )
    item = shown["items"][0]
    assert (item["title"], item["actor"]["id"]) == ("Grace mentioned you", "grace")
