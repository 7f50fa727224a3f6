"""Settings: the environment, checked once at start.

A missing or bad value stops the start with its name, the reason and an example. Nothing secret is ever printed:
secrets are `SecretStr`, and messages show names only.
"""

from __future__ import annotations

import os
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hub.exceptions import ConfigError
from hub.model.mail_address import parse_mailbox
from hub.providers import ProviderSettings, parse_providers
from hub.smtp import read_server
from hub.twilio import read_account

log = structlog.get_logger("hub.config")

EXAMPLES = {
    "database_url": "postgresql://hub:password@localhost:5432/hub",
    "redis_url": "redis://localhost:6379/0",
    "secret": "the output of: openssl rand -base64 48",
    "public_url": "https://hub.example.com",
    "allowed_origins": "https://app.example.com,https://admin.example.com",
    "log_format": "json",
    "smtp_url": "smtp://user:password@smtp.example.com:587?starttls=true",
    "email_from": "Acme <notifications@example.com>",
    "sendgrid_webhook_key": "the verification key of Settings, Mail Settings, Event Webhook",
    "sms_url": "twilio://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com?from=%2B15005550006",
    "vapid_private_key": "the output of: hub doctor --fix",
    "vapid_subject": "mailto:ops@example.com",
}
MIN_SECRET_CHARACTERS = 32  # 256 bits in the usual spellings; RFC 7518, section 3.2 asks as much for HS256


class Settings(BaseSettings):
    """Every `HUB_*` variable. Those of the second group have defaults that fit; docs/operations.md says more."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    database_url: SecretStr
    redis_url: SecretStr
    secret: SecretStr
    encryption_keys: SecretStr | None = None
    smtp_url: SecretStr | None = None
    email_from: str | None = Field(None, validate_default=True)
    sendgrid_webhook_key: str | None = None  # public: it verifies
    mailgun_webhook_key: SecretStr | None = None
    sms_url: SecretStr | None = None
    public_url: str | None = None
    vapid_private_key: SecretStr | None = None
    vapid_subject: str | None = Field(None, validate_default=True)  # after what it is taken from where it is not set
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    metrics_token: SecretStr | None = None
    log_format: Literal["console", "json"] = "console"
    otel_endpoint: str | None = None

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    pool_size: int = Field(10, ge=2, le=200)  # Postgres connections a process
    rate_limit_per_second: int = Field(5_000, ge=1)  # requests per API key and process
    client_rate_limit_per_second: int = Field(100, ge=1)  # REST requests per person and process
    connections_per_user: int = Field(20, ge=1)  # per gateway; the oldest is closed with 4005
    connections_per_address: int = Field(1_000, ge=1)  # per gateway
    connections: int = Field(50_000, ge=1)  # per gateway
    heartbeat_seconds: float = Field(25, gt=0, le=120)
    hello_seconds: float = Field(10, gt=0, le=60)
    connection_max_seconds: float = Field(0, ge=0)  # 0: connections live as long as their token is renewed
    drain_seconds: float = Field(20, ge=0, le=600)
    write_buffer_bytes: int = Field(1024 * 1024, ge=16 * 1024)  # per connection; past it 4001
    reconcile_seconds: float = Field(40, gt=0)  # head comparison of everybody connected, jittered
    probe_seconds: float = Field(5, gt=0)  # self-published probe of the Redis subscription
    presence_settle_seconds: float = Field(60, ge=0)  # of Redis with every gateway, until absence is believed
    presence_grace_seconds: float = Field(15, ge=0)  # from leaving, or turning idle, to absent
    lease_seconds: float = Field(10, gt=0)  # of a gateway's presence
    delivery_lease_seconds: float = Field(60, gt=0)  # that a worker has for one attempt; twice the longest send
    project_pace_per_second: float = Field(0, ge=0)  # messages of a project on each channel, over all workers; 0: any
    person_pace_per_minute: float = Field(0, ge=0)  # messages to a person on each channel; 0: any
    trusted_proxies: str = "127.0.0.1"  # whose X-Forwarded-* count; comma-separated, as uvicorn's forwarded_allow_ips
    allow_private_push: bool = False  # push endpoints and webhooks on private addresses and over http: tests, local use
    allow_private_jwks: bool = False  # JWKS URLs on private addresses and over http: tests and closed networks

    @property
    def dev(self) -> bool:
        """Whether this is `hub dev`: project `dev` and key `hk_dev` work there and nowhere else."""
        return False

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < MIN_SECRET_CHARACTERS:
            raise ValueError(f"must have at least {MIN_SECRET_CHARACTERS} characters")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr) -> SecretStr:
        return _with_scheme(value, ("postgresql", "postgres"))

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        _with_scheme(value, ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"))
        parts = urlsplit(value.get_secret_value())
        hosts = parts.netloc.rpartition("@")[2]
        if not parts.scheme.endswith("+cluster"):
            if "," in hosts:
                raise ValueError("names several servers, which only a cluster has: redis+cluster://host:port,host:port")
        elif not all(hosts.split(",")):
            raise ValueError("names no host where it should: redis+cluster://host:port,host:port")
        elif parts.path not in ("", "/", "/0"):
            raise ValueError("names a database other than 0, and a cluster has no other")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        for place, provider in enumerate(parse_providers("email", value, ("smtp", "smtps"))):
            try:
                read_server(provider)
            except ValueError as error:
                raise ValueError(f"the {place + 1}. of them, {error}" if place else str(error)) from None
        return value

    @field_validator("sms_url")
    @classmethod
    def _sms(cls, value: SecretStr | None) -> SecretStr | None:
        for provider in parse_providers("sms", value, ("twilio",)):
            read_account(provider)
        return value

    @field_validator("email_from")
    @classmethod
    def _sender(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("smtp_url") is not None:
            raise ValueError("is not set, and HUB_SMTP_URL is: e-mail needs a sender")
        if value is not None:
            try:
                ascii_local = parse_mailbox(value).local.isascii()
            except ValueError as error:
                raise ValueError(f"names no sender: {error}") from None
            if not ascii_local:
                raise ValueError("names no sender that every server takes: its address is not ASCII before the @")
        return value

    @field_validator("sendgrid_webhook_key")
    @classmethod
    def _sendgrid(cls, value: str | None) -> str | None:
        if value is not None:
            from hub.security.provider_signatures import read_sendgrid_key  # cryptography, for the few that set it

            read_sendgrid_key(value)
        return value

    @field_validator("vapid_private_key")
    @classmethod
    def _vapid_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from hub.security.vapid import read_key  # and with it cryptography, only where it is needed

            read_key(value.get_secret_value())
        return value

    @field_validator("vapid_subject")
    @classmethod
    def _contact(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("vapid_private_key") is not None:
            address = parseaddr(info.data.get("email_from") or "")[1]
            host = urlsplit(info.data.get("public_url") or "")
            value = f"mailto:{address}" if address else f"https://{host.netloc}" if host.scheme == "https" else None
            if value is None:
                raise ValueError(
                    "is not set, and HUB_VAPID_PRIVATE_KEY is: push services want to know whom to write to"
                )
        if value is not None:
            from hub.security.vapid import check_contact

            check_contact(value)
        return value

    @property
    def providers(self) -> tuple[ProviderSettings, ...]:
        """The configured services of all channels but web push, which has one: the browser's own."""
        return (
            *parse_providers("email", self.smtp_url, ("smtp", "smtps")),
            *parse_providers("sms", self.sms_url, ("twilio",)),
        )

    @property
    def channels(self) -> frozenset[str]:
        """Channels outside the app that have a provider."""
        found = {provider.channel for provider in self.providers}
        return frozenset(found | {"web_push"} if self.vapid_private_key is not None else found)

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("must be an http or https URL")
        return value

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _origins(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        origins = tuple(part.strip() for part in value.split(",") if part.strip())
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
                raise ValueError(f"{origin!r} is no origin: scheme and host, without a path")
        return origins


class DevSettings(Settings):
    """The settings of `hub dev`. Its one gateway comes and goes with its Redis: presence is known at once."""

    presence_settle_seconds: float = Field(3, ge=0)
    vapid_subject: str | None = "mailto:nobody@localhost"

    @property
    def dev(self) -> bool:
        return True


def _with_scheme(value: SecretStr, schemes: tuple[str, ...]) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        scheme = parts.scheme
    except ValueError:
        scheme = ""
    if scheme not in schemes:
        raise ValueError(f"must start with {' or '.join(s + '://' for s in schemes)}")
    for host in parts.netloc.rpartition("@")[2].split(","):  # Postgres takes several
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not port.isdecimal():  # not shown: it is likely half of a password
            raise ValueError(
                "has no number where its port should be; percent-encode the special characters of a password (/ as %2F)"
            )
    return value


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`; `overrides` win.

    Raises:
        ConfigError: a value is missing or bad.
    """
    kind = DevSettings if overrides.pop("dev", False) else Settings
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(entry) for entry in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f".env cannot be read: {error}") from None


# What pydantic finds wrong with a number, a choice or a boolean: none of these settings is a secret, so it is shown.
_PLAIN = {
    "bool_parsing": "must be true or false (or 1 or 0, yes or no, on or off)",
    **dict.fromkeys(("int_parsing", "int_parsing_size", "int_from_float"), "must be an integer"),
    **dict.fromkeys(("float_parsing", "finite_number"), "must be a number"),
    **dict.fromkeys(("literal_error", "greater_than", "greater_than_equal", "less_than", "less_than_equal"), ""),
}


def _explain(entry: Any) -> str:
    name = (
        str(entry["loc"][0]) if entry["loc"] else entry["type"]
    )  # what is wrong between settings names one as its type
    reason = "is not set" if entry["type"] == "missing" else entry["msg"].removeprefix("Value error, ")
    if entry["type"] in _PLAIN:
        reason = f"is {str(entry['input'])[:40]!r}: {_PLAIN[entry['type']] or reason.replace('Input should', 'must')}"
    field = Settings.model_fields.get(name)
    example = EXAMPLES.get(name) or (field.default if field is not None and not field.is_required() else None)
    return f"HUB_{name.upper()} {reason}." + (f" Example: HUB_{name.upper()}={example}" if example else "")


OWN_VARIABLES = {"HUB_URL", "HUB_API_KEY"}
"""Read by the commands that call the API, not by the servers."""


def unknown_variables() -> list[str]:
    """`HUB_*` names in the environment and `.env` that nothing reads: likely misspelt."""
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields} | OWN_VARIABLES
    names = {name.upper() for name in os.environ}
    try:
        lines = Path(".env").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    names |= {line.partition("=")[0].removeprefix("export ").strip().upper() for line in lines if "=" in line}
    return sorted(name for name in names if name.startswith("HUB_") and name not in known)
