"""Logs of a process.

Every record, ours and those of uvicorn, asyncio and other libraries, is one line on standard error in one format, and
no line leaves without passing `redact`. Records about one notification carry its id in the field `notification`:

    log = get_logger(__name__)
    log.info("accepted", notification=notification_id, recipients=3)

Metrics need nothing from here: they are declared where they are counted, on prometheus_client's default registry, with
names that begin with `hub_`, and `hub.web.health` shows them.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal, cast

import msgspec
import structlog

_HIDDEN = "[hidden]"
_SECRET_FIELDS = frozenset(
    {"authorization", "cookie", "password", "secret", "signing_secret", "token", "api_key", "private_key"}
)
# Order matters: what names its secret first, then secrets that are known by their own shape.
_SECRET_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)(token(?:=|%3D))[^&\s\\\"'#<>]+"), rf"\1{_HIDDEN}"),
    (
        re.compile(r"(?i)(authorization\\*['\"]?\s*[:=,]\s*(?:b?\\*['\"])?)(?:(?:bearer|basic)\s+)?[^\s\\'\",})]+"),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]{8,}"), rf"\1{_HIDDEN}"),
    (re.compile(r"(://[^\s:/@\\'\"]*:)[^\s@/\\'\"]+(?=@)"), rf"\1{_HIDDEN}"),  # credentials in a URL
    (re.compile(r"(/l/[a-z]/)[^\s\\\"'?#<>]+"), rf"\1{_HIDDEN}"),  # whoever holds a mail's link may do what it says
    (re.compile(r"\bhk_[\w-]{16,}"), f"hk_{_HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), _HIDDEN),  # a JWT begins with the Base64 of {"
)


def redact(text: str) -> str:
    """`text` without API keys, client tokens, `Authorization` values, `token=` parameters, mails' links and passwords
    in URLs."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def configure_logging(form: Literal["console", "json"], *, role: str = "", level: int = logging.INFO) -> None:
    """Send all records of this process to standard error; may be called again.

    Args:
        form: `console` for people, `json` for machines: one object per line.
        role: In every JSON record.
        level: Records below it are dropped before they cost anything.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_fields,
    ]
    last: list[structlog.typing.Processor]
    if form == "json":
        shared.append(_Constant(role=role) if role else _Constant())
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dump), _redact_line]
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
        last = [renderer, _redact_line]

    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # uvicorn says at INFO that it starts and which WebSocket URLs it accepts, a line per connection.
    logging.getLogger("uvicorn").setLevel(max(level, logging.WARNING))
    # What any visitor can cause, and libraries then blame on the set-up; what is worth knowing of it we say ourselves.
    logging.getLogger("uvicorn.error").addFilter(_not_a_visitors_fault)
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)  # a traceback a second while Postgres is away
    logging.captureWarnings(capture=True)


def _not_a_visitors_fault(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(
        ("Unsupported upgrade request", "No supported WebSocket library", "Invalid HTTP request received")
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose records carry `logger=name`; may be made before `configure_logging`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(name))


def log_context(**fields: object) -> AbstractContextManager[None]:
    """Adds `fields` to every record of this task inside the block: `with log_context(request_id=…):`."""
    return cast("AbstractContextManager[None]", structlog.contextvars.bound_contextvars(**fields))


class _Stderr:
    """Standard error as it is when a record is written: a test or a supervisor may replace it."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _StderrLogger:
    """The end of structlog's chain: one whole line per write, so that processes sharing a terminal do not mix."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


class _Constant:
    """Adds the same fields to every record."""

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.update(self._fields)
        return event


def _hide_fields(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _hide(name, value)
    return event


def _hide(name: object, value: Any) -> Any:
    """The value under that name as text can show it: bytes would leave as Base64, which `redact` cannot read."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if isinstance(name, str) and name.lower() in _SECRET_FIELDS:
        return _HIDDEN
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, Mapping):
        return {
            (key.decode("latin-1") if isinstance(key, bytes) else key): _hide(key, inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        pair = len(value) == 2  # a header as ASGI has it
        return [_hide(value[0] if pair and index else "", inner) for index, inner in enumerate(value)]
    return value


def _redact_line(logger: object, method: str, line: Any) -> str:
    return redact(str(line))


def _dump(event: Any, default: Callable[[Any], Any], **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=default).decode()
