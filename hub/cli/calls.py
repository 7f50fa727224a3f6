"""Commands that are one call to the API: send, timeline, explain, dead, inbound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, BinaryIO

import click
import msgspec

from hub.cli.output import Command, json_option, printable, show, table
from hub.cli.remote import ApiRefused, Remote, open_remote, segment
from hub.model.bounce import MAX_BYTES

MAIL = "message/rfc822"


def _call(work: Callable[[Remote], Coroutine[Any, Any, Any]]) -> Any:
    async def with_remote() -> Any:
        async with open_remote() as remote:
            return await work(remote)

    return asyncio.run(with_remote())


async def _ask(remote: Remote, template: str, method: str, path: str, **rest: Any) -> Any:
    """A call that this release may lack: a 404 says which of the two it is."""
    try:
        return await remote.call(method, path, **rest)
    except ApiRefused as error:
        if error.status in (404, 405) and not await remote.offers(template):
            raise ApiRefused(
                f"The hub at {remote.url} does not offer {template}: this command is for a later release of it.",
                error.status,
                "not_offered",
            ) from None
        raise


class _JsonObject(click.ParamType["dict[str, Any]"]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return msgspec.json.decode(value, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            self.fail(f"{value!r} is not a JSON object.", param, ctx)


def _publish_options(command: Command) -> Command:
    options = [
        click.argument("user"),
        click.argument("title"),
        click.option("--body", help="Text below the title."),
        click.option("--category", help="Default: general."),
        click.option("--url", "action_url", help="Where a click leads."),
        click.option("--data", type=_JsonObject(), help="JSON object that travels with the item."),
        click.option("--tag", "tags", multiple=True, help="May be repeated."),
        click.option("--priority", type=click.Choice(["critical", "normal", "bulk"])),
        click.option("--dedupe-key", help="The same key to the same person within 24 h is dropped."),
        click.option("--thread-key", help="Groups items."),
        click.option("--collapse-key", help="Replaces the older unread item of the same key."),
        click.option("--send-at", help="RFC 3339 time: YYYY-MM-DDThh:mm:ssZ."),
        click.option("--delay", help="ISO 8601 duration, as PT5M."),
        click.option("--expires-at", help="RFC 3339 time."),
        click.option("--cancellation-key", help="To withdraw it by."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _publish_body(user: str, given: dict[str, Any]) -> dict[str, Any]:
    fields = {
        name: list(value) if name == "tags" else value for name, value in given.items() if value not in (None, ())
    }
    return {"recipients": [user], **fields}


@click.command()
@_publish_options
@json_option
def send(user: str, *, as_json: bool, **given: Any) -> None:
    """Send a notification with TITLE to USER and print its id."""

    async def work(remote: Remote) -> Any:
        return await remote.call("POST", "/v1/notifications", _publish_body(user, given))

    answer = _call(work)
    show(answer, f"{answer['id']} {answer['status']}", as_json=as_json)


@click.command()
@_publish_options
@json_option
def explain(user: str, *, as_json: bool, **given: Any) -> None:
    """Say what would become of a notification with TITLE to USER; sends nothing."""
    path = "/v1/notifications/explain"

    async def work(remote: Remote) -> Any:
        return await _ask(remote, path, "POST", path, body=_publish_body(user, given))

    answer = _call(work)
    columns = ["user", "channel", "decision", "at", "if", "reason", "layer", "detail"]
    show(answer, table(answer["items"], columns), as_json=as_json)


@click.command()
@click.argument("notification_id", metavar="ID")
@json_option
def timeline(notification_id: str, *, as_json: bool) -> None:
    """Show everything that happened to the notification ID, oldest first."""

    async def work(remote: Remote) -> list[Any]:
        template = "/v1/notifications/{id}/timeline"
        path = f"/v1/notifications/{segment(notification_id)}/timeline"
        return await _pages(remote, template, path, {}, limit=None)

    items = _call(work)
    show(
        {"items": items}, table(items, ["at", "user", "channel", "event", "reason", "detail", "actor"]), as_json=as_json
    )


def _listed(path: str, query: dict[str, str | None], limit: int) -> list[Any]:
    """Up to `limit` entries of a list."""

    async def work(remote: Remote) -> list[Any]:
        return await _pages(remote, path, path, query, limit=limit)

    items: list[Any] = _call(work)
    return items


async def _pages(
    remote: Remote, template: str, path: str, query: dict[str, str | None], *, limit: int | None
) -> list[Any]:
    items: list[Any] = []
    cursor = None
    while True:
        size = 100 if limit is None else min(100, limit - len(items))
        page = await _ask(remote, template, "GET", path, query={**query, "limit": str(size), "cursor": cursor})
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or (limit is not None and len(items) >= limit):
            return items


@click.group()
def dead() -> None:
    """Deliveries that were given up."""


def _filter_options(command: Command) -> Command:
    for name in ("user", "category", "channel"):
        command = click.option(f"--{name}", help=f"Only of this {name}.")(command)
    return command


@click.command()
@click.argument("message", required=False)
@_filter_options
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
def sandbox(message: str | None, *, limit: int, as_json: bool, **query: str | None) -> None:
    """Show what would have been sent to web push, e-mail and others, newest first; or one MESSAGE, whole, by its id."""
    if message is not None:
        _show_message(message, as_json=as_json)
        return
    items = _listed("/v1/sandbox", query, limit)
    rows = [{**item, "says": _headline(item)} for item in items]
    show({"items": items}, table(rows, ["sent_at", "user", "channel", "kind", "says", "id"]), as_json=as_json)


def _headline(item: dict[str, Any]) -> str | None:
    """The first that a person would read of a message of the sandbox."""
    told = {**item["content"], **item["rendered"]}
    first = {"email": ("subject", "title"), "sms": ("text", "title")}.get(item["channel"], ("title",))
    return next((told[name] for name in first if told.get(name)), None)


def _place_of(field: str) -> int:
    """What a reader sees first comes first; the HTML of a mail, which is long, last."""
    order = ("subject", "title", "body", "text", "url", "html")
    return order.index(field) if field in order else len(order) - 1


def _show_message(message_id: str, *, as_json: bool) -> None:
    async def work(remote: Remote) -> Any:
        return await _ask(remote, "/v1/sandbox/{id}", "GET", f"/v1/sandbox/{segment(message_id)}")

    answer = _call(work)
    facts = ("sent_at", "user", "channel", "kind", "category", "notification_id", "attempts")
    lines = [f"{name}: {printable(answer[name])}" for name in facts]
    told = answer["rendered"] or answer["content"]
    for name in sorted(told, key=_place_of):
        if told[name]:
            lines += ["", f"{name}:", *(printable(line) for line in str(told[name]).splitlines())]
    show(answer, "\n".join(lines), as_json=as_json)


def _dead_options(command: Command) -> Command:
    for name, text in (
        ("until", "Only those dispatched before this RFC 3339 time."),
        ("since", "Only those dispatched then or later: an RFC 3339 time."),
        ("provider", "Only where this provider had the last attempt."),
        ("reason", "Only with this reason: rejected, attempts_spent, template_failed, no_public_url …"),
    ):
        command = click.option(f"--{name}", help=text)(command)
    return _filter_options(command)


@dead.command("list")
@_dead_options
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
def dead_list(*, limit: int, as_json: bool, **query: str | None) -> None:
    """List dead letters."""
    items = _listed("/v1/deliveries", {"state": "dead", **query}, limit)
    columns = ["id", "finished_at", "user", "channel", "category", "provider", "attempts", "reason", "detail"]
    show({"items": items}, table(items, columns), as_json=as_json)


@dead.command("show")
@click.argument("delivery_id", metavar="ID")
@json_option
def dead_show(delivery_id: str, *, as_json: bool) -> None:
    """Show the dead letter ID, and everything that happened to it."""

    async def work(remote: Remote) -> Any:
        return await _ask(remote, "/v1/deliveries/{id}", "GET", f"/v1/deliveries/{segment(delivery_id)}")

    answer = _call(work)
    facts = ("notification_id", "user", "category", "channel", "provider", "state", "reason", "attempts")
    lines = [f"{name}: {printable(answer[name])}" for name in facts if answer[name] is not None]
    events = table(answer["history"], ["at", "channel", "event", "reason", "detail", "actor"])
    show(answer, "\n".join([*lines, "", events]), as_json=as_json)


def _choose(ids: tuple[str, ...], query: dict[str, str | None], *, everything: bool) -> dict[str, Any]:
    chosen = {name: value for name, value in query.items() if value is not None}
    if ids and (chosen or everything):
        raise click.UsageError("Give IDS, or a filter, not both.")
    if not (ids or chosen or everything):
        raise click.UsageError("Say which: IDS, a filter such as --channel email, or --all.")
    return {"ids": list(ids)} if ids else {"state": "dead", **chosen}


async def _until_all(remote: Remote, verb: str, counted: str, body: dict[str, Any]) -> int:
    """Repeats a call until it has done all that was dead at the first: one takes a few seconds at most. How many."""
    path = f"/v1/deliveries/{verb}"
    count = 0
    while True:
        answer = await _ask(remote, path, "POST", path, body=body)
        count += int(answer[counted])
        if not answer["more"]:
            return count
        body = {**body, "died_before": answer["died_before"]}


@dead.command("replay")
@click.argument("ids", nargs=-1)
@_dead_options
@click.option("--all", "everything", is_flag=True, help="All that are dead now.")
@json_option
def dead_replay(ids: tuple[str, ...], *, everything: bool, as_json: bool, **query: str | None) -> None:
    """Send dead letters again: those with these IDS, of a filter, or --all."""
    body = _choose(ids, query, everything=everything)
    count = _call(lambda remote: _until_all(remote, "replay", "replayed", body))
    show({"replayed": count}, f"{printable(count)} sent again", as_json=as_json)


@dead.command("purge")
@click.argument("ids", nargs=-1)
@_dead_options
@click.option("--all", "everything", is_flag=True, help="All that are dead now.")
@json_option
def dead_purge(ids: tuple[str, ...], *, everything: bool, as_json: bool, **query: str | None) -> None:
    """Give dead letters up: those with these IDS, of a filter, or --all."""
    body = _choose(ids, query, everything=everything)
    count = _call(lambda remote: _until_all(remote, "purge", "purged", body))
    show({"purged": count}, f"{printable(count)} given up", as_json=as_json)


@click.command()
@click.argument("mail", type=click.File("rb"), default="-")
@json_option
def inbound(mail: BinaryIO, *, as_json: bool) -> None:
    """Hand in a MAIL that came back (a file, or standard input): a bounce or a complaint.

    Fits a line of /etc/aliases: bounces: "|hub inbound"
    """
    content = mail.read(MAX_BYTES + 1)

    async def work(remote: Remote) -> Any:
        path = "/v1/inbound/email"
        return await _ask(remote, path, "POST", path, raw=(MAIL, content))

    answer = _call(work)
    said = "nothing about a mail of this project's" if answer["kind"] is None else answer["kind"]
    show(answer, f"{printable(said)}{', suppressed' * answer['suppressed']}", as_json=as_json)
