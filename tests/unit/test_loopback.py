"""What `hub dev --external` takes for this machine."""

from __future__ import annotations

import pytest

from hub.loopback import is_local_database, is_local_redis


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://localhost/hub",
        "postgresql://hub:pw@127.0.0.1:5432/hub",
        "postgresql://127.9.9.9/hub",
        "postgresql://[::1]:5432/hub",
        "postgresql:///hub?host=/var/run/postgresql",
        "postgresql://localhost:1,127.0.0.1:2/hub",
        "postgresql:///hub",
    ],
)
def test_databases_of_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert is_local_database(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.com/hub",
        "postgresql://hub:pw@10.0.0.5:5432/hub",
        "postgresql://localhost:1,db.example.com:2/hub",
        "postgresql://localhost@db.example.com/hub",
        "postgresql:///hub?host=db.example.com",
        "postgresql://localhost/hub?host=10.0.0.5",
        "postgresql://localhost/hub?hostaddr=10.0.0.5",
        "postgresql:///hub?host=/tmp,db.example.com",
        "postgresql://[2001:db8::1]/hub",
        "postgresql:///?service=production",
    ],
)
def test_databases_of_another_machine(url: str) -> None:
    assert not is_local_database(url)


def test_a_database_without_a_host_is_where_the_driver_s_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert not is_local_database("postgresql:///hub")
    assert is_local_database("postgresql://localhost/hub")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("redis://localhost:6379/0", True),
        ("rediss://:pw@127.0.0.1/0", True),
        ("redis://[::1]", True),
        ("unix:///run/redis.sock", True),
        ("redis://", True),
        ("redis://?host=cache.example.com", False),
        ("redis://cache.example.com/0", False),
        ("redis+cluster://10.0.0.5:7000", False),
        ("redis+cluster://127.0.0.1:7000", False),
    ],
)
def test_redis_of_this_and_of_another_machine(url: str, *, local: bool) -> None:
    assert is_local_redis(url) is local
