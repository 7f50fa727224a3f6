"""Settings: named, explained, and silent about secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.config import Settings, load_settings, unknown_variables
from hub.exceptions import ConfigError
from hub.security.vapid import make_key

GOOD = {
    "HUB_DATABASE_URL": "postgresql://hub:s3cret-password@localhost/hub",
    "HUB_REDIS_URL": "redis://:s3cret-password@localhost:6379/0",
    "HUB_SECRET": "s3cret-" * 6,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A complete environment and an empty directory."""
    for name in os.environ:
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def test_defaults_fit() -> None:
    settings = load_settings()
    assert settings.heartbeat_seconds == 25
    assert settings.allowed_origins == ()
    assert not settings.dev
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("HUB_DATABASE_URL", "mysql://localhost/hub", "must start with postgresql://"),
        ("HUB_REDIS_URL", "http://localhost", "must start with redis://"),
        ("HUB_REDIS_URL", "redis://one:6379,two:6379", "redis+cluster://host:port"),
        ("HUB_REDIS_URL", "redis+cluster://one:7000,", "no host"),
        ("HUB_REDIS_URL", "redis+cluster://one:port", "no number"),
        ("HUB_REDIS_URL", "redis+cluster://one:7000/3", "other than 0"),
        ("HUB_SECRET", "short", "at least 32 characters"),
        ("HUB_PUBLIC_URL", "hub.example.com", "http or https"),
        ("HUB_ALLOWED_ORIGINS", "https://app.example.com/page", "is no origin"),
        ("HUB_LOG_FORMAT", "xml", "'console' or 'json'"),
        ("HUB_POOL_SIZE", "many", "integer"),
        ("HUB_HEARTBEAT_SECONDS", "0", "greater than 0"),
        ("HUB_VAPID_PRIVATE_KEY", "s3cret", "is no private key on P-256"),
        ("HUB_VAPID_SUBJECT", "ops@example.com", "must be a mailto: or https: URL"),
    ],
)
def test_a_bad_value_is_named_with_the_reason_and_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    said = str(refused.value)
    assert said.startswith(name)
    assert reason in said
    assert "Example: " in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HUB_ALLOW_PRIVATE_PUSH", "yess", "is 'yess': must be true or false (or 1 or 0, yes or no, on or off)."),
        ("HUB_ALLOW_PRIVATE_JWKS", "2", "is '2': must be true or false (or 1 or 0, yes or no, on or off)."),
        ("HUB_LOG_FORMAT", "xml", "is 'xml': must be 'console' or 'json'."),
        ("HUB_POOL_SIZE", "1", "is '1': must be greater than or equal to 2."),
        ("HUB_POOL_SIZE", "9" * 5000, f"is '{'9' * 40}': must be an integer."),
        ("HUB_HEARTBEAT_SECONDS", "often", "is 'often': must be a number."),
    ],
)
def test_a_bad_choice_is_shown_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"{name} {said}")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, empty: bool) -> None:
    if empty:  # what a compose file makes of a variable that nobody set
        monkeypatch.setenv(name, "")
    else:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        load_settings()


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_METRICS_TOKEN", "")
    assert load_settings().metrics_token is None


def test_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HUB_POOL_SIZE=7\nHUB_LOG_FORMAT=json\nHUB_SPELT_WRONG=1\n", "utf-8")
    monkeypatch.setenv("HUB_LOG_FORMAT", "console")
    monkeypatch.setenv("HUB_HEARTBEATS", "3")
    settings = load_settings()
    assert (settings.pool_size, settings.log_format) == (7, "console")
    assert unknown_variables() == ["HUB_HEARTBEATS", "HUB_SPELT_WRONG"]


def test_web_push_needs_a_contact_and_takes_the_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_VAPID_PRIVATE_KEY", make_key().private_text)
    with pytest.raises(ConfigError, match="HUB_VAPID_SUBJECT is not set, and HUB_VAPID_PRIVATE_KEY is"):
        load_settings()
    monkeypatch.setenv("HUB_PUBLIC_URL", "http://hub.example.com")
    with pytest.raises(ConfigError, match="HUB_VAPID_SUBJECT"):
        load_settings()
    assert load_settings(dev=True).vapid_subject
    for name, value, subject in (
        ("HUB_PUBLIC_URL", "https://hub.example.com/x", "https://hub.example.com"),
        ("HUB_EMAIL_FROM", "Acme <news@example.com>", "mailto:news@example.com"),
        ("HUB_VAPID_SUBJECT", "https://example.com/contact", "https://example.com/contact"),
    ):
        monkeypatch.setenv(name, value)
        assert load_settings().vapid_subject == subject
    assert "web_push" in load_settings().channels


def test_origins_are_a_list_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_ALLOWED_ORIGINS", "https://a.example, http://localhost:5173 ,")
    assert load_settings().allowed_origins == ("https://a.example", "http://localhost:5173")


def test_nothing_in_the_environment_makes_it_hub_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DEV", "true")
    assert not load_settings().dev
    assert load_settings(dev=True).dev
    assert "dev" not in Settings.model_fields


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("HUB_SMTP_URL", "smtp://a.example,smtp://user:sesame@b.example?startls=true", "2. of them"),
        ("HUB_SMTP_URL", "smtp://user:sesame@b.example?connections=many", "connections"),
        ("HUB_EMAIL_FROM", "nobody", "names no sender"),
        ("HUB_EMAIL_FROM", "Acme <grüße@example.com>", "ASCII"),
        ("HUB_SENDGRID_WEBHOOK_KEY", "sesame", "public key"),
    ],
)
def test_a_wrong_mail_setting_stops_the_start(
    name: str, value: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_EMAIL_FROM", "a@example.com")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=word) as refusal:
        load_settings()
    assert name in str(refusal.value)
    assert "sesame" not in str(refusal.value)
