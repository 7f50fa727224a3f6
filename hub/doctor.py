"""Examines an installation and says what to mend: what `hub doctor` runs.

Reads only, unless `fix` is asked for; then counts that do not fit their items are set right, as a revision of their
own, so that connected clients hear of it. A key for web push, where there is none, is made and shown, never stored.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Literal

import aiohttp
import asyncpg

from hub.config import Settings, unknown_variables
from hub.doctor_redis import check_redis
from hub.exceptions import HubError, Unreachable
from hub.finding import Finding, State, clock_finding
from hub.loopback import is_loopback
from hub.model.counts import Counts
from hub.model.smtp_replies import Phase
from hub.providers import ProviderSettings
from hub.publish.writer import InboxWriter, change_inboxes
from hub.runtime import open_hub
from hub.security.vapid import make_key, read_key
from hub.smtp import SmtpFailure, connect, read_server, tls_context
from hub.store import outbox
from hub.store.database import Database, describe
from hub.store.migrate import pending
from hub.store.projects import DEV_PROJECT
from hub.store.sql import load

_SQL = load("doctor")
_MAIL_SECONDS = 10.0  # for a mail server to answer, encrypt and log in
_OLDEST_POSTGRES = 150000  # server_version_num
_OVERDUE_SECONDS = 30.0  # workers look every second or two
_SECRET_LETTERS = 12  # 32 random characters of hex show 14 different ones on average; fewer than 12 once in 20
_BATCH_PEOPLE = 500  # per statement, which stays far below its time-out
_SHOWN = 5  # names in a line
_MEND_PEOPLE = 50  # heads locked at once
_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=5)


async def examine(settings: Settings, *, people: int | None, fix: bool = False) -> AsyncGenerator[Finding, None]:
    """Run all checks, in the order in which to mend things.

    Args:
        people: How many inboxes to recount, from a random one on; None: all.
        fix: Set wrong counts right; make a VAPID key, to be put into the settings, where there is none.
    """
    for finding in _check_settings(settings):
        yield finding
    yield _check_push_key(settings, fix=fix)
    yield await _check_public_url(settings)
    for provider in settings.providers:
        if provider.channel == "email":
            yield await _check_mail(provider)
    async with aclosing(check_redis(settings.redis_url.get_secret_value())) as found:
        async for finding in found:
            yield finding
    url = settings.database_url.get_secret_value()
    try:
        started = time.perf_counter()
        db = await Database.connect(url, size=2, application="hub-doctor")
    except Unreachable as error:
        yield Finding("database", State.UNREACHABLE, str(error), "Start Postgres, or correct HUB_DATABASE_URL.")
        return
    try:
        yield await _check_server(db, url, time.perf_counter() - started)
        yield await _check_clock(db)
        schema = await _check_schema(db, settings)
        yield schema
        if schema.state is State.OK:
            async with aclosing(_check_contents(db, settings, people=people, fix=fix)) as found:
                async for finding in found:
                    yield finding
    finally:
        await db.close()


async def _check_contents(
    db: Database, settings: Settings, *, people: int | None, fix: bool
) -> AsyncGenerator[Finding, None]:
    for finding in await _check_credentials(db, settings):
        yield finding
    yield await _check_outbox(db, settings)
    yield await _check_jobs(db, settings)
    yield await _check_deliveries(db, settings)
    yield await _check_dead_letters(db)
    yield await _check_webhooks(db)
    yield await _check_brands(db)
    yield await _check_categories(db, settings)
    async for finding in _check_inboxes(db, settings, people=people, fix=fix):
        yield finding


def _check_push_key(settings: Settings, *, fix: bool) -> Finding:
    """A configured key is never replaced: every browser's subscription is bound to it."""
    if settings.vapid_private_key is not None:
        public = read_key(settings.vapid_private_key.get_secret_value()).public_text
        detail = f"Web push has its key (public: {public}) and a contact, {settings.vapid_subject}."
        return Finding("push_key", State.OK, detail)
    if not fix:
        detail = "Web push has no key (HUB_VAPID_PRIVATE_KEY), and nothing is pushed; hub doctor --fix makes one."
        return Finding("push_key", State.OK, detail)
    mend = "Put it into the environment, or .env, of every process. Keep it: another voids what browsers subscribed to."
    return Finding("push_key", State.WARN, f"A new key: HUB_VAPID_PRIVATE_KEY={make_key().private_text}", mend)


def _check_settings(settings: Settings) -> list[Finding]:
    findings = []
    unknown = unknown_variables()
    if unknown:
        mend = "Correct the names, or remove them; docs/configuration.md lists those that are read."
        findings.append(Finding("settings", State.WARN, f"Nothing reads {', '.join(unknown)}.", mend))
    else:
        findings.append(Finding("settings", State.OK, "All are valid, and every HUB_* name is known."))
    if len(set(settings.secret.get_secret_value())) < _SECRET_LETTERS:
        detail = "HUB_SECRET does not look random, and it signs every token."
        findings.append(Finding("secret", State.FAIL, detail, "Set it to the output of: openssl rand -base64 48"))
    else:
        findings.append(Finding("secret", State.OK, "Long enough, and looks random."))
    return findings


async def _check_public_url(settings: Settings) -> Finding:
    url = settings.public_url
    if url is None and settings.dev:
        return Finding("public_url", State.OK, "`hub dev` is its own, while it runs.")
    if url is None:
        detail = "HUB_PUBLIC_URL is not set: the hub does not know how people reach it."
        if settings.smtp_url is not None:
            detail += " E-mail has no link to unsubscribe, and marketing is not sent."
        return Finding("public_url", State.WARN, detail, "Set it. Example: HUB_PUBLIC_URL=https://hub.example.com")
    if url.startswith("http://") and not is_loopback(url):
        detail = f"{url} is not encrypted: tokens can be read on the way."
        return Finding("public_url", State.FAIL, detail, "Serve it over https, and set HUB_PUBLIC_URL to that.")
    try:
        async with (
            aiohttp.ClientSession(timeout=_PROBE_TIMEOUT) as session,
            session.get(f"{url.rstrip('/')}/readyz") as answer,
        ):
            if answer.status == 200:
                return Finding("public_url", State.OK, f"{url} is ready.")
            detail = f"{url}/readyz answers {answer.status}."
    except (aiohttp.ClientError, OSError) as error:
        detail = f"{url} does not answer from here: {str(error) or 'no answer in time'}"
    return Finding("public_url", State.WARN, detail, "Start the hub, or correct HUB_PUBLIC_URL or the proxy.")


async def _check_mail(provider: ProviderSettings) -> Finding:
    """Connects, encrypts, logs in, and leaves; sends nothing."""
    check, server = f"email {provider.name}", read_server(provider)
    started = time.perf_counter()
    try:
        client = await connect(server, tls_context(server), _MAIL_SECONDS)
    except SmtpFailure as failure:
        where = f"{server.host}:{server.port}"
        login = failure.phase is Phase.AUTH and failure.reply is not None
        mend = "Correct user and password in HUB_SMTP_URL." if login else "Check HUB_SMTP_URL and the mail server."
        return Finding(check, State.FAIL, f"{where} cannot be used: {failure.detail}.", mend)
    secure = client.get_transport_info("sslcontext") is not None
    with suppress(OSError, TimeoutError):
        client.close()
    took = (time.perf_counter() - started) * 1000
    detail = f"{server.host}:{server.port} is ready after {took:.0f} ms, {'encrypted' if secure else 'not encrypted'}"
    if not secure and not is_loopback(f"//{server.host}"):
        return Finding(check, State.WARN, f"{detail}.", "Use a server that offers STARTTLS, or smtps://.")
    return Finding(check, State.OK, f"{detail}{', logged in' if server.user else ''}.")


async def _check_server(db: Database, url: str, seconds: float) -> Finding:
    row = await db.fetchrow(_SQL["server"])
    assert row is not None
    found = f"PostgreSQL {row['version']} at {describe(url)}"
    if row["version_number"] < _OLDEST_POSTGRES:
        return Finding("database", State.FAIL, f"{found} is too old.", "Use PostgreSQL 15 or newer.")
    if row["fsync"] == "off":
        return Finding("database", State.FAIL, f"{found} runs with fsync off: a power cut loses it.", "Set fsync = on.")
    if row["synchronous_commit"] == "off":
        detail = f"{found} has synchronous_commit off: a crash loses what was answered with 202 moments before."
        return Finding("database", State.FAIL, detail, "Set synchronous_commit = on.")
    if row["autovacuum"] == "off":
        detail = f"{found} has autovacuum off: inbox heads and the outbox bloat within hours."
        return Finding("database", State.FAIL, detail, "Set autovacuum = on.")
    detail = f"{found}, connected in {seconds * 1000:.0f} ms, {row['max_connections']} connections allowed."
    return Finding("database", State.OK, detail)


async def _check_clock(db: Database) -> Finding:
    skew = None
    for _ in range(3):  # the quickest of three: the answer's way back counts as skew
        before = time.perf_counter()
        row = await db.fetchrow(_SQL["clock"])
        assert row is not None
        way = (time.perf_counter() - before) / 2
        found = (datetime.now(UTC) - row[0]).total_seconds() - way
        skew = found if skew is None or abs(found) < abs(skew) else skew
    assert skew is not None
    return clock_finding("clock", skew, "the database", "tokens are refused, and times are wrong")


async def _check_schema(db: Database, settings: Settings) -> Finding:
    try:
        async with db.acquire() as conn:
            missing = await pending(conn)
    except HubError as error:
        return Finding("schema", State.FAIL, str(error), "Install the release that fits the database.")
    if missing:
        return Finding("schema", State.FAIL, f"Not applied: {', '.join(missing)}.", _run("migrate", settings))
    return Finding("schema", State.OK, "Up to date.")


async def _check_brands(db: Database) -> Finding:
    rows = await db.fetch(_SQL["marketing_without_address"], _SHOWN + 1)
    if rows:
        detail = f"Marketing without a postal address: {_named(rows)}. Its e-mail is not sent (`no_postal_address`)."
        return Finding("brands", State.WARN, detail, 'Say it: PUT /v1/brand {"address": …}')
    return Finding("brands", State.OK, "Whoever has marketing has a postal address.")


async def _check_categories(db: Database, settings: Settings) -> Finding:
    if settings.public_url is not None or settings.dev:  # `hub dev` has one while it runs
        return Finding("categories", State.OK, "They have the HUB_PUBLIC_URL that marketing and tracking need.")
    rows = await db.fetch(_SQL["in_want_of_links"], 100)
    if not rows:
        return Finding("categories", State.OK, "None needs HUB_PUBLIC_URL: no marketing, no tracking in their e-mail.")
    marketing, tracked = ([row for row in rows if row["marketing"] is wanted] for wanted in (True, False))
    detail = "HUB_PUBLIC_URL is not set."
    if marketing:
        detail += f" E-mail of {_named(marketing)} is marketing, and not sent (`no_public_url`)."
    if tracked:
        detail += f" Opens and clicks of {_named(tracked)} are not counted, although `tracking` is on."
    return Finding("categories", State.WARN, detail, "Set it. Example: HUB_PUBLIC_URL=https://hub.example.com")


def _named(rows: list[asyncpg.Record]) -> str:
    """Some categories, with their projects."""
    shown = ", ".join(f"{row['category']} ({row['project']})" for row in rows[:_SHOWN])
    return f"{shown}{', …' if len(rows) > _SHOWN else ''}"


async def _check_credentials(db: Database, settings: Settings) -> list[Finding]:
    row = await db.fetchrow(_SQL["credentials"], DEV_PROJECT)
    assert row is not None
    findings = []
    if row["projects"] == 0:
        findings.append(Finding("projects", State.FAIL, "There is no project.", "Run: hub project create default"))
    elif not row["has_key"]:
        detail = "No API key works: no backend can publish."
        findings.append(Finding("keys", State.WARN, detail, "Run: hub key create"))
    else:
        findings.append(Finding("keys", State.OK, f"{row['projects']} project(s), and keys that work."))
    if row["has_dev"] and not settings.dev:
        detail = (
            "`hub dev` ran on this database: it has the project `dev`. Its key is refused here, so it does no harm."
        )
        findings.append(Finding("dev_project", State.WARN, detail, "Keep `hub dev --external` off this database."))
    return findings


def _run(command: Literal["migrate", "worker"], settings: Settings) -> str:
    if settings.dev:  # it does both by itself
        return "Run: hub dev"
    return "Run: hub migrate" if command == "migrate" else "Run a worker, or more of them: hub worker"


async def _check_outbox(db: Database, settings: Settings) -> Finding:
    async with db.acquire() as conn:
        row = await outbox.age(conn)
    if row["oldest_seconds"] < _OVERDUE_SECONDS:
        return Finding("outbox", State.OK, f"{row['rows']} announcement(s) under way.")
    detail = f"{row['rows']} announcement(s) wait, the oldest for {row['oldest_seconds']:.0f} s: clients hear late."
    return Finding("outbox", State.FAIL, detail, f"{_run('worker', settings)}, and see that Redis answers.")


async def _check_jobs(db: Database, settings: Settings) -> Finding:
    row = await db.fetchrow(_SQL["overdue_jobs"])
    assert row is not None
    if not row["waiting"] or row["oldest"] < _OVERDUE_SECONDS:
        return Finding("jobs", State.OK, f"{row['waiting']} job(s) due.")
    detail = f"{row['waiting']} job(s) are due and nobody has taken them up, the oldest for {row['oldest']:.0f} s."
    return Finding("jobs", State.FAIL, detail, _run("worker", settings))


async def _check_deliveries(db: Database, settings: Settings) -> Finding:
    row = await db.fetchrow(_SQL["overdue_deliveries"])
    assert row is not None
    if not row["waiting"] or row["oldest"] < _OVERDUE_SECONDS:
        return Finding("deliveries", State.OK, f"{row['waiting']} deliveries due.")
    detail = f"{row['waiting']} deliveries are due, the oldest for {row['oldest']:.0f} s."
    return Finding("deliveries", State.FAIL, detail, _run("worker", settings))


async def _check_dead_letters(db: Database) -> Finding:
    rows = await db.fetch(_SQL["fresh_dead_letters"])
    if not rows:
        return Finding("dead_letters", State.OK, "None in the last hour.")
    found = ", ".join(f"{row['letters']} of {row['channel']} ({row['reason']})" for row in rows)
    mend = "Look at them: hub dead list. Once what failed is mended: hub dead replay."
    return Finding("dead_letters", State.WARN, f"In the last hour: {found}.", mend)


async def _check_webhooks(db: Database) -> Finding:
    rows = await db.fetch(_SQL["ailing_webhooks"])
    if not rows:
        return Finding("webhooks", State.OK, "None fails.")
    found = ", ".join(f"{row['endpoint_id']} {'was switched off' if row['off'] else 'fails'}" for row in rows)
    mend = "Read GET /v1/webhooks/{id}/attempts, mend the endpoint, and PATCH it to enabled where it is off."
    return Finding("webhooks", State.WARN, f"{found}.", mend)


async def _check_inboxes(
    db: Database, settings: Settings, *, people: int | None, fix: bool
) -> AsyncGenerator[Finding, None]:
    examined, wrong_counts, wrong_revs = await _inspect(db, people)
    if wrong_revs:
        detail = f"{len(wrong_revs)} of {examined} inboxes have changes newer than their head: {_some(wrong_revs)}."
        yield Finding("revisions", State.FAIL, detail, "This is a bug of the hub: report it.")
    else:
        yield Finding("revisions", State.OK, f"{examined} inboxes are consistent.")
    if not wrong_counts:
        yield Finding("counts", State.OK, f"{examined} inboxes recounted, all right.")
    elif fix:
        mended = await _mend(settings, wrong_counts)
        yield Finding("counts", State.OK, f"{examined} inboxes recounted, {mended} set right: {_some(wrong_counts)}.")
    else:
        detail = f"{len(wrong_counts)} of {examined} inboxes have wrong counts: {_some(wrong_counts)}."
        yield Finding("counts", State.FAIL, detail, "Run: hub doctor --fix (and report it: counts must not drift).")


def _some(people: list[int]) -> str:
    shown = ", ".join(str(person_id) for person_id in people[:_SHOWN])
    return f"person_id {shown}{', …' if len(people) > _SHOWN else ''}"


async def _inspect(db: Database, people: int | None) -> tuple[int, list[int], list[int]]:
    """How many inboxes were examined; whose counts, and whose revisions, are wrong."""
    after = 0
    if people is not None:
        row = await db.fetchrow(_SQL["some_person"])
        assert row is not None
        after = max(0, row[0] - people)
    examined = 0
    wrong_counts: list[int] = []
    wrong_revs: list[int] = []
    while people is None or examined < people:
        size = _BATCH_PEOPLE if people is None else min(_BATCH_PEOPLE, people - examined)
        rows: list[asyncpg.Record] = await db.fetch(_SQL["inspect_heads"], after, size)
        if not rows:
            break
        examined += len(rows)
        after = rows[-1]["person_id"]
        wrong_counts += [row["person_id"] for row in rows if row["wrong_counts"]]
        wrong_revs += [row["person_id"] for row in rows if row["wrong_rev"]]
    return examined, wrong_counts, wrong_revs


async def _mend(settings: Settings, people: list[int]) -> int:
    """Set counts right under the heads' locks; how many were still wrong then."""
    mended = 0
    async with open_hub(settings, role="doctor") as hub:
        for start in range(0, len(people), _MEND_PEOPLE):
            chunk = people[start : start + _MEND_PEOPLE]
            mended += await change_inboxes(hub, lambda writer, chunk=chunk: _mend_chunk(writer, chunk))  # type: ignore[misc]
    return mended


async def _mend_chunk(writer: InboxWriter, people: list[int]) -> int:
    heads = {head.person.person_id: head for head in await writer.lock(people)}
    rows = await writer.conn.fetch(_SQL["count_items"], list(heads))
    mended = 0
    for row in rows:
        head = heads[row["person_id"]]
        right = Counts(row["unseen"], row["unread"], row["total"])
        if head.counts != right:
            head.next_rev()
            head.counts = right
            writer.changes(head, [])
            mended += 1
    return mended
