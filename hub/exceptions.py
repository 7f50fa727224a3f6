"""Every exception the hub raises on purpose.

HubError
├── ConfigError          the set-up is wrong: names the setting, the reason and an example
├── Unreachable          a server we need (Postgres, Redis, a hub) did not answer
├── MigrationError       the database's schema and this release do not fit together
├── LocalError           `hub dev` cannot start or keep its embedded servers
└── Refused              a request we will not carry out; becomes one problem+json answer or one error frame
    ├── Malformed        400  not JSON, not UTF-8, not the shape of a request
    ├── Unauthenticated  401
    ├── Forbidden        403
    ├── NotFound         404  not there, or not yours
    ├── TooSlow          408  the body did not arrive in time
    ├── Conflict         409
    ├── Gone             410  what a link was about is there no more
    ├── TooLarge         413
    ├── Unsupported      415
    ├── Invalid          422  with one entry per wrong field
    ├── RateLimited      429  with the seconds to wait
    ├── InternalError    500  ours; only where no problem document would be understood
    └── Unavailable      503  with the seconds to wait

Theirs and ours are told apart by the root: a Refused is the caller's to mend, the others are the operator's.
Messages name the value and the way out; secrets never appear in one.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class HubError(Exception):
    """Root of everything below."""


class ConfigError(HubError):
    """A setting is missing or wrong; the message names it, says why, and shows an example."""


class Unreachable(HubError):
    """A server did not answer; the message names which one and where, without credentials."""


class MigrationError(HubError):
    """A migration failed, or an applied one was changed; the message names the file and the way out."""


class LocalError(HubError):
    """An embedded server cannot run; one sentence for the person at the terminal."""


class FieldError(NamedTuple):
    """One wrong field of a request: `path` as in `recipients.3.id`, `code` stable, `message` for people."""

    path: str
    code: str
    message: str


class Refused(HubError):
    """A request that is answered with a problem document (RFC 9457) or an error frame.

    Attributes:
        status: HTTP status.
        title: The same for every problem of this status.
        code: Stable, snake_case: what programs test.
        detail: One sentence for people; names the value and the way out.
        errors: Wrong fields, if it is about fields.
        retry_after: Seconds to wait before trying again, or None.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"
    default_code: ClassVar[str] = "bad_request"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.errors = errors
        self.retry_after = retry_after


class Malformed(Refused):
    status, title, default_code = 400, "Malformed request", "malformed"


class Unauthenticated(Refused):
    status, title, default_code = 401, "Not authenticated", "unauthenticated"


class Forbidden(Refused):
    status, title, default_code = 403, "Not allowed", "forbidden"


class NotFound(Refused):
    status, title, default_code = 404, "Not found", "not_found"


class TooSlow(Refused):
    status, title, default_code = 408, "Too slow", "too_slow"


class Conflict(Refused):
    status, title, default_code = 409, "Conflict", "conflict"


class Gone(Refused):
    status, title, default_code = 410, "Gone", "gone"


class TooLarge(Refused):
    status, title, default_code = 413, "Too large", "too_large"


class Unsupported(Refused):
    status, title, default_code = 415, "Unsupported media type", "unsupported_media_type"


class Invalid(Refused):
    status, title, default_code = 422, "Invalid", "invalid"

    @classmethod
    def field(cls, path: str, code: str, message: str) -> Invalid:
        """One wrong field."""
        return cls(f"{path}: {message}", errors=(FieldError(path, code, message),))


class RateLimited(Refused):
    status, title, default_code = 429, "Too many requests", "rate_limited"


class InternalError(Refused):
    status, title, default_code = 500, "Internal error", "internal_error"


class Unavailable(Refused):
    status, title, default_code = 503, "Unavailable", "unavailable"
