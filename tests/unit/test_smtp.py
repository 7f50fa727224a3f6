"""Mail servers in HUB_SMTP_URL: what a URL comes to, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.providers import parse_providers
from hub.smtp import SmtpServer, read_server


def server(url: str) -> SmtpServer:
    (provider,) = parse_providers("email", SecretStr(url), ("smtp", "smtps"))
    return read_server(provider)


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtp://mail.example.com", 25, "offered"),
        ("smtp://u:p@mail.example.com", 587, "required"),
        ("smtp://u:p@mail.example.com?starttls=false", 587, "none"),
        ("smtp://mail.example.com?starttls=true", 25, "required"),
        ("smtps://u:p@mail.example.com", 465, "implicit"),
        ("smtps://mail.example.com:4650", 4650, "implicit"),
        ("smtp://127.0.0.1:2525", 2525, "none"),
        ("smtp://u:p@localhost:2525", 2525, "none"),
        ("smtp://u:p@localhost:2525?starttls=true", 2525, "required"),
        ("smtp://[::1]:2525?name=local", 2525, "none"),
    ],
)
def test_credentials_travel_encrypted_unless_told_otherwise(url: str, port: int, security: str) -> None:
    found = server(url)
    assert (found.port, found.security) == (port, security)


def test_a_password_may_hold_anything_that_is_percent_encoded() -> None:
    found = server("smtp://us%40er:p%3Aa%2Fs%2Cs%25@mail.example.com?connections=3&bounces=b%40example.com")
    assert (found.user, found.password) == ("us@er", "p:a/s,s%")
    assert (found.connections, found.bounces) == (3, "b@example.com")
    assert "p:a" not in repr(found)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("smtp://user@mail.example.com", "password"),
        ("smtp://mail.example.com?startls=true", "startls"),
        ("smtp://mail.example.com?starttls=yes", "starttls"),
        ("smtp://mail.example.com?connections=0", "connections"),
        ("smtp://mail.example.com?connections=101", "connections"),
        ("smtp://mail.example.com?connections=x", "connections"),
        ("smtp://mail.example.com?bounces=nobody", "address"),
        ("smtp://mail.example.com?bounces=%C3%BC%40example.com", "ASCII"),
        ("smtp://mail.example.com?tls_ca=/nowhere.pem", "tls_ca"),
    ],
)
def test_a_wrong_parameter_is_told_by_name(url: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        server(url)


def test_a_ca_file_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("x")
    assert server(f"smtps://mail.example.com?tls_ca={file}").ca_file == str(file)
