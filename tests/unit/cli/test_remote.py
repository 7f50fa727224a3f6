"""Which hub the client commands call."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli.access import read_access
from hub.cli.remote import segment
from hub.exceptions import ConfigError


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HUB_URL", raising=False)
    monkeypatch.delenv("HUB_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_default_is_a_running_hub_dev() -> None:
    assert read_access() == ("http://127.0.0.1:8000", "hk_dev")


def test_the_environment_names_another_and_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HUB_URL=https://file.example.com/\nHUB_API_KEY=hk_file\n")
    assert read_access() == ("https://file.example.com", "hk_file")
    monkeypatch.setenv("HUB_URL", "https://hub.example.com/")
    assert read_access() == ("https://hub.example.com", "hk_file")


def test_the_key_of_hub_dev_is_not_sent_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_URL", "https://hub.example.com")
    with pytest.raises(ConfigError, match="HUB_API_KEY is not set"):
        read_access()


@pytest.mark.parametrize("url", ["hub.example.com", "ftp://hub.example.com", "https://", "http://[", "http://h?x=1"])
def test_a_bad_address_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HUB_URL", url)
    with pytest.raises(ConfigError, match="HUB_URL"):
        read_access()


def test_a_key_that_cannot_be_one_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_API_KEY", "hk_secret\r\nX-Evil: 1")
    with pytest.raises(ConfigError) as caught:
        read_access()
    assert "secret" not in str(caught.value)


def test_a_name_stays_one_segment() -> None:
    assert segment("project/42 :ä") == "project%2F42%20%3A%C3%A4"
