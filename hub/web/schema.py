"""Validation of request bodies: pydantic's verdicts in our words."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from hub.exceptions import FieldError, Invalid
from hub.web.problems import MAX_ERRORS, given

T = TypeVar("T")

_CODES = {
    "extra_forbidden": "unknown_field",
    "missing": "required",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "too_short": "too_short",
    "literal_error": "invalid_value",
    "enum": "invalid_value",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "union_tag_invalid": "invalid_value",
    "union_tag_not_found": "invalid_type",
}


_JSON_WORDS = {
    "a valid dictionary": "an object",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    "a valid string": "a string",
    "a valid number": "a number",
}
_PYTHONIC = re.compile("|".join(_JSON_WORDS))
_SHOULD = re.compile(r"^(?:Input|String|List|Dictionary|Value) should")


class Schema(Generic[T]):
    """A shape of a body: validates decoded JSON, and describes itself for OpenAPI.

    Args:
        shape: A type that pydantic knows. TypedDicts with `STRICT` stay plain dicts: no model objects on the hot path.
        name: Of the component in the OpenAPI document.
    """

    def __init__(self, shape: type[T], name: str | None = None) -> None:
        self.name = name or shape.__name__
        self.adapter: TypeAdapter[T] = TypeAdapter(shape)

    def validate(self, value: Any, prefix: str = "") -> T:
        """`value` in the shape of the schema.

        Raises:
            Invalid: one entry per wrong field, each path beginning with `prefix`.
        """
        try:
            return self.adapter.validate_python(value, strict=True)
        except ValidationError as error:
            raise translate(error, prefix) from None


def translate(error: ValidationError, prefix: str = "") -> Invalid:
    """Pydantic's findings as one refusal."""
    found = error.errors(include_url=False)
    errors = tuple(_field_error(entry, prefix) for entry in found[:MAX_ERRORS])
    first = errors[0]
    where = f"{first.path}: " if first.path else ""
    rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Invalid(f"{where}{first.message}{rest}", errors=errors)


def _field_error(entry: ErrorDetails, prefix: str) -> FieldError:
    kind = entry["type"]
    loc = entry["loc"]
    # Branches of a union carry a tag in angle brackets, keys of a map `[key]`: no part of the caller's document.
    steps = [str(step) for i, step in enumerate(loc) if i == len(loc) - 1 or not _is_tag(step)]
    if steps and _is_tag(steps[-1]) and kind != "extra_forbidden":
        steps.pop()
    path = ".".join(steps)
    code = _CODES.get(kind) or ("invalid_type" if kind.endswith("_type") else None)
    if code is None:
        # A custom error brings its own code, one of ours.
        code = kind if "ctx" not in entry and not kind.startswith(("string_", "int_", "value_")) else "invalid_value"
    if kind == "extra_forbidden":
        message = f"there is no field {steps[-1][:100]!r} here"
    elif kind == "missing":
        message = "is required"
    else:
        message = _SHOULD.sub("must", entry["msg"]).replace(" after validation", "")
        message = _PYTHONIC.sub(lambda word: _JSON_WORDS[word[0]], message) + given(entry["input"], message)
    return FieldError(prefix + path if path else prefix.rstrip("."), code, message)


def _is_tag(step: int | str) -> bool:
    return isinstance(step, str) and (step == "[key]" or (step.startswith("<") and step.endswith(">")))
