"""`/docs`: the OpenAPI document as a page to read: no script, no outside asset, nothing a strict CSP takes away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from hub.web.openapi import referred_name

PAGE_CSP = b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE_PATH = "/docs/reference.css"


def reference_page(document: Mapping[str, Any]) -> bytes:
    """The page for an OpenAPI document of ours. Everything in it is escaped, also what we wrote ourselves."""
    operations = list(_operations(document))
    return "".join(_page(document, operations)).encode("utf-8")


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _page(document: Mapping[str, Any], operations: list[tuple[str, str, dict[str, Any]]]) -> Iterator[str]:
    info = document["info"]
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(info["title"])} API</title><link rel="stylesheet" href="{STYLE_PATH}"></head>'
        '<body><div class="page"><nav aria-label="Calls">'
    )
    tags = [tag for tag in document["tags"] if any(tag["name"] in op["tags"] for _, _, op in operations)]
    for tag in tags:
        yield f"<h2>{escape(tag['name'])}</h2><ul>"
        for _, _, operation in operations:
            if tag["name"] in operation["tags"]:
                yield f'<li><a href="#{operation["operationId"]}">{escape(operation["summary"])}</a></li>'
        yield "</ul>"
    yield "<h2>schemas</h2><ul>"
    schemas = document["components"]["schemas"]
    for name in schemas:
        yield f'<li><a href="#schema-{escape(name)}">{escape(name)}</a></li>'
    yield (
        f"</ul></nav><main><h1>{escape(info['title'])}</h1>"
        f'<p class="soft">Version {escape(info["version"])}. {escape(info["description"])} '
        'The same as data: <a href="/openapi.json">/openapi.json</a>.</p>'
    )
    for tag in tags:
        yield f'<h2 class="tag">{escape(tag["name"].capitalize())}</h2><p class="soft">{escape(tag["description"])}</p>'
        for path, method, operation in operations:
            if tag["name"] in operation["tags"]:
                yield from _article(path, method, operation, document)
    yield '<h2 class="tag">Schemas</h2>'
    for name, schema in schemas.items():
        yield f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        if "description" in schema:
            yield f"<p>{_text(schema['description'])}</p>"
        yield from _fields(schema, "Fields")
        yield "</article>"
    yield "</main></div></body></html>"


def _article(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f'<article id="{operation["operationId"]}"><h3>{escape(operation["summary"])}</h3>'
        f'<p class="call"><span class="method {method}">{method.upper()}</span><code>{escape(path)}</code></p>'
    )
    for paragraph in operation.get("description", "").split("\n\n"):
        if paragraph:
            yield f"<p>{_text(paragraph)}</p>"
    security = operation.get("security") or []
    credential = ", ".join(escape(name) for entry in security for name in entry) or "none"
    yield f'<p class="soft">Credential: {credential}</p>'
    if parameters := operation.get("parameters"):
        yield "<table><caption>Parameters</caption><tbody>"
        for parameter in parameters:
            kind = _kind(parameter["schema"])
            place = "" if parameter["in"] == "query" else f" ({parameter['in']})"
            yield _row(parameter["name"] + place, kind, parameter.get("description", ""))
        yield "</tbody></table>"
    if body := operation.get("requestBody"):
        media_type, content = next(iter(body["content"].items()))
        if "schema" not in content:
            yield f"<p>Body: {escape(media_type)}. {_text(body.get('description', ''))}</p>"
        schema = _resolve(content.get("schema", {}), document)
        if schema:
            yield from _fields(schema, f"Body. {body.get('description', '')}")
        for example in schema.get("examples", ()):
            shown = json.dumps(example, indent=2, ensure_ascii=False)
            yield f"<pre>{escape(f'{method.upper()} {path}')}\n{escape(shown, quote=False)}</pre>"
    yield "<table><caption>Answers</caption><tbody>"
    for status, reply in operation["responses"].items():
        if "$ref" in reply:
            reply = document["components"]["responses"][reply["$ref"].rpartition("/")[2]]
        shapes = {_kind(content["schema"]) for content in reply.get("content", {}).values() if "schema" in content}
        yield _row(status, " or ".join(sorted(shapes)), reply["description"])
    yield "</tbody></table></article>"


def _fields(schema: Mapping[str, Any], caption: str) -> Iterator[str]:
    properties = schema.get("properties")
    if not properties:
        yield f"<p>{_kind(schema)}</p>"
        return
    required = set(schema.get("required", ()))
    yield f"<table><caption>{escape(caption)}</caption><tbody>"
    for name, field in properties.items():
        shown = name if name in required else f"{name}?"
        yield _row(shown, _kind(field), _description(field))
    yield "</tbody></table>"


def _description(field: Mapping[str, Any]) -> str:
    """Its own, or that of the one branch that has one: a field that may be null is a union."""
    branches = (field, *field.get("anyOf", ()), *field.get("oneOf", ()))
    return next((str(branch["description"]) for branch in branches if "description" in branch), "")


def _row(name: str, kind: str, description: str) -> str:
    text = f"<br>{_text(description)}" if description else ""
    return f'<tr><th scope="row"><code>{escape(name)}</code></th><td><span class="soft">{kind}</span>{text}</td></tr>'


def _text(text: str) -> str:
    """Escaped, with `code` in backticks."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        resolved: Mapping[str, Any] = document["components"]["schemas"][referred_name(schema["$ref"])]
        return resolved
    return schema


def _kind(schema: Mapping[str, Any]) -> str:
    """The shape of a value in a few words, as HTML."""
    if "$ref" in schema:
        name = referred_name(schema["$ref"])
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(_kind(branch) for branch in schema[word]))
    if "const" in schema:
        return escape(repr(schema["const"]).replace("'", '"'))
    if "enum" in schema:
        return " | ".join(escape(f'"{value}"' if isinstance(value, str) else str(value)) for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[{_kind(schema.get('items', {}))}]{_bounds(schema, 'minItems', 'maxItems')}"
    values = [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
    if kind == "object" and (shapes := [value for value in values if isinstance(value, Mapping)]):
        return f"{{string: {_kind(shapes[0])}}}"
    shown = f"{kind}, {schema['format']}" if "format" in schema else str(kind)
    bounds = _bounds(schema, "minLength", "maxLength") + _bounds(schema, "minimum", "maximum")
    return escape(shown) + bounds


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low is None or high is None:
        return "" if low is high else f" (at most {high})" if low is None else f" (at least {low})"
    return f" ({low}–{high})"
