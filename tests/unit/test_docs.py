"""The documentation is true to the code: links lead somewhere, and every table that claims to be complete is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import annotated_types
import click
import pytest
from pydantic_core import PydanticUndefined

from gateway import client_frames, hub_frames
from gateway.codes import Code
from hub.api.category_schema import Category
from hub.api.effective_preferences import EffectivePreferences
from hub.api.preference_schema import PersonPreferences
from hub.api.publish_schema import Publish
from hub.cli import hub as command_line
from hub.config import OWN_VARIABLES, Settings
from hub.model.mark import Action
from hub.security import API_SCOPES, CLIENT_SCOPES
from tests.support.generated import documents
from tests.support.system import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
WEB_ADDRESS = re.compile(r"[a-z]+:")


def read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def in_code(text: str) -> set[str]:
    """Everything between backticks, whole and word by word."""
    spans = re.findall(r"`([^`\n]+)`", text)
    return {*spans, *(word for span in spans for word in re.findall(r"[\w.:*-]+", span))}


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no heading {heading!r}"
    return found[1]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row."""
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


# Links


def anchors(page: Path) -> set[str]:
    """The fragments that a page's headings make, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    text = FENCE.sub("", page.read_text("utf-8"))
    yield from re.findall(r"\]\(([^)\s]+)\)", text)
    yield from re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if WEB_ADDRESS.match(link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert not broken


async def test_what_is_generated_is_what_the_code_says() -> None:
    stale = [path.name for path, text in (await documents()).items() if path.read_text("utf-8") != text]
    assert not stale, "run: make docs-generate"


# Settings


def shown_default(value: Any) -> str:
    """A default as the table spells it."""
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "not set"
    if value == ():
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_rows() -> dict[str, list[str]]:
    table = [row for row in rows(read("configuration.md")) if row[0].startswith("`HUB_")]
    names = [row[0].strip("`") for row in table]
    assert len(names) == len(set(names)), "a variable stands twice"
    return dict(zip(names, table, strict=True))


def test_every_setting_is_described_with_its_default() -> None:
    described = settings_rows()
    fields = {f"HUB_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert described.keys() == fields.keys() | OWN_VARIABLES
    assert {name: described[name][1] for name in fields} == {
        name: shown_default(field.default) for name, field in fields.items()
    }


def test_bounds_of_settings_are_told() -> None:
    described = settings_rows()
    missing = []
    for name, field in Settings.model_fields.items():
        text = described[f"HUB_{name.upper()}"][3]
        for bound in field.metadata:
            limit = bound.ge if isinstance(bound, annotated_types.Ge) else getattr(bound, "le", None)
            if limit is not None and limit not in (0, 1) and not re.search(rf"\b{limit}\b", text):
                missing.append((name, limit))
    assert not missing


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith(("_seconds", "_bytes"))])
def test_units_of_settings_are_those_of_their_names(name: str) -> None:
    assert settings_rows()[f"HUB_{name.upper()}"][2] in (name.rpartition("_")[2], "requests a second")


# Commands


def commands(group: click.Group, prefix: str = "hub") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


COMMANDS = dict(commands(command_line))


def test_exactly_these_commands_are_described() -> None:
    assert sorted(re.findall(r"^### `(.+)`$", read("cli.md"), re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described_with_its_default(name: str) -> None:
    text = section(read("cli.md"), f"### `{name}`")
    options = {
        next(spelling for spelling in option.opts if spelling.startswith("--")): option
        for option in COMMANDS[name].params
        if isinstance(option, click.Option)
    }
    assert set(re.findall(r"`(--[\w-]+)`", text)) == options.keys()
    for row in rows(text):
        for spelling in re.findall(r"`(--[\w-]+)`", row[0]):
            option = options[spelling]
            if option.show_default and option.default is not None:
                assert row[1] == str(option.default)
    for spelling, option in options.items():
        if spelling == "--port":
            assert f"`--port` ({option.default})" in text or f"| `--port` | {option.default} |" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_what_the_page_names(name: str) -> None:
    command = COMMANDS[name]
    shown = command.get_help(click.Context(command, info_name=name))
    for spelling in re.findall(r"`(--[\w-]+)`", section(read("cli.md"), f"### `{name}`")):
        assert spelling in shown


# Errors


CODE_POSITIONS = {
    "FieldError": 1,
    "field": 1,
    "_error": 0,
    "_matching": 1,
    "PydanticCustomError": 0,
    "refused": 1,
    "json_problem": 2,
}
"""Which argument of a call is the code of an error, where it has no name."""


class Codes(ast.NodeVisitor):
    """Collects every code that an error of this file may have."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def _note(self, node: ast.expr | None) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z_]+", node.value):
            self.found.add(node.value)
        elif isinstance(node, ast.IfExp):
            self._note(node.body)
            self._note(node.orelse)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        position = CODE_POSITIONS.get(name)
        if position is not None and len(node.args) > position:
            self._note(node.args[position])
        for keyword in node.keywords:
            if keyword.arg in ("code", "custom_error_type"):
                self._note(keyword.value)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        parameters = [*node.args.posonlyargs, *node.args.args]
        for parameter, default in zip(reversed(parameters), reversed(node.args.defaults), strict=False):
            if parameter.arg == "code":
                self._note(default)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "") == "default_code":
                self._note(statement.value)
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
                names = [getattr(target, "id", "") for target in statement.targets[0].elts]
                if "default_code" in names and isinstance(statement.value, ast.Tuple):
                    self._note(statement.value.elts[names.index("default_code")])
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """`code = {404: "not_found", …}.get(…, "other")`, and tables called _CODES of texts."""
        name = getattr(node.targets[0], "id", "")
        if name in ("code", "_CODES"):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Dict):
                    for value in part.values:
                        self._note(value)
                elif isinstance(part, ast.Call) and len(part.args) == 2:
                    self._note(part.args[1])
        self.generic_visit(node)


def codes_in_code() -> set[str]:
    visitor = Codes()
    for folder in ("hub", "gateway"):
        for path in (ROOT / folder).rglob("*.py"):
            if "cli" not in path.relative_to(ROOT).parts:
                visitor.visit(ast.parse(path.read_text("utf-8")))
    return visitor.found


def codes_described() -> set[str]:
    text = section(read("api.md"), "## Errors")
    cells = [row[1] if row[0].isdigit() else row[0] for row in rows(text)]
    table = {code for cell in cells for code in re.findall(r"`([a-z_]+)`", cell)}
    others = next(line for line in text.splitlines() if line.startswith("Defaults that"))
    return table | set(re.findall(r"`([a-z_]+)`", others))


def test_every_code_of_an_error_is_described_and_no_other() -> None:
    assert codes_described() == codes_in_code() - {"invalid_frame", "unknown_type"}  # of frames: see below


def test_the_collector_of_codes_sees_each_way_to_name_one() -> None:
    """A code of each kind: were one way missed, the test above would prove less."""
    assert {
        "not_found",
        "invalid_cursor",
        "required",
        "extra_forbidden",
        "unknown_field",
        "token_expired",
        "token_refused",
        "method_not_allowed",
        "bad_handshake",
        "overloaded",
        "invalid_email",
    } - codes_in_code() == {"extra_forbidden"}  # pydantic's own, translated


# The protocol


def test_every_close_code_is_described() -> None:
    text = section(read("protocol.md"), "## Close codes")
    described = {int(code) for row in rows(text) for code in re.findall(r"\b\d{4}\b", row[0])}
    assert described == {int(code) for code in Code} | {1006, 1012}


def test_every_frame_is_described() -> None:
    text = read("protocol.md")
    ours = section(text, "## Frames of the hub")
    theirs = section(text, "## Frames of the client")
    assert set(re.findall(r'"type":"(\w+)"', ours)) == set(hub_frames.FRAMES)
    assert set(re.findall(r'"type":"(\w+)"', theirs)) == {
        str(frame.__struct_config__.tag) for frame in client_frames.FRAMES
    }


def test_every_code_of_an_error_frame_is_described() -> None:
    described = {row[0].strip("`") for row in rows(section(read("protocol.md"), "## Frames of the hub"))}
    assert set(get_args(get_type_hints(hub_frames.Error)["code"])) <= described


# The API


async def test_every_call_is_described() -> None:
    text = read("api.md")
    described = {
        (method, path)
        for span in re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]+)`", text)
        for method, path in [span.split()[:2]]
    }
    document = json.loads((await documents())[DOCS / "openapi.json"])
    offered = {(method.upper(), route) for route, calls in document["paths"].items() for method in calls}
    assert offered <= described
    assert described - offered == {("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/asyncapi.json")} - offered


def test_every_field_of_a_publish_is_described() -> None:
    named = in_code(section(read("api.md"), "## Notifications"))
    assert Publish.__annotations__.keys() <= named


def test_every_field_of_a_category_is_described() -> None:
    assert Category.__annotations__.keys() <= in_code(section(read("api.md"), "## Categories"))


def test_every_field_of_preferences_is_described() -> None:
    named = in_code(section(read("api.md"), "## Preferences"))
    assert {*PersonPreferences.__annotations__, *EffectivePreferences.__annotations__} <= named | {"category"}


def test_every_action_and_scope_is_described() -> None:
    assert {str(action) for action in Action} <= in_code(section(read("api.md"), "## Inbox"))
    assert set(API_SCOPES) <= in_code(section(read("api.md"), "## Authentication"))
    assert set(CLIENT_SCOPES) <= in_code(read("howto/sign-tokens.md"))


# The widget


def test_what_a_page_may_style_is_described_and_no_other() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "web-widget" / "src").glob("hub-*.js"))
    there = set(re.findall(r"var\((--hub-[a-z-]+)", sources))
    assert set(re.findall(r"`(--hub-[a-z-]+)`", read("widget-reference.md"))) == there
    assert set(re.findall(r"`(--hub-[a-z-]+)`", read("howto/embed-the-inbox.md"))) <= there
    described = section(read("howto/embed-the-inbox.md"), "## Make it yours").rpartition("with ")[2]
    assert set(re.findall(r"`(\w+)`", described)) <= in_code(read("widget-reference.md"))


def test_attributes_and_events_of_the_elements_are_described() -> None:
    reference = in_code(read("widget-reference.md"))
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "web-widget" / "src").glob("hub-*.js"))
    observed = {
        name
        for one in re.findall(r"observedAttributes = \[([^\]]+)\]", sources)
        for name in re.findall(r'"([\w-]+)"', one)
    }
    assert observed
    assert observed <= reference
    assert set(re.findall(r'(?:fire|send)\("(hub-[a-z-]+)"', sources)) <= reference


def test_every_metric_is_described() -> None:
    from prometheus_client import REGISTRY

    import hub.cli.process  # noqa: F401  # imports every role, and with it every metric

    names = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("hub_")}
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    assert names
    assert [name for name in sorted(names) if f"`{name}`" not in text and f"`{name}_total`" not in text] == []
