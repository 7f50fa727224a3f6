"""Names and numbers of migration files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hub.exceptions import MigrationError
from hub.store.migrate import load_migrations


def write(folder: Path, name: str, text: str = "SELECT 1;\n") -> None:
    (folder / name).write_bytes(text.encode())


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0010_ten.sql", "0002_two.sql", "0001_one.sql"):
        write(tmp_path, name)
    assert [str(migration) for migration in load_migrations(tmp_path)] == ["0001_one", "0002_two", "0010_ten"]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "0001_one.sql")
    write(tmp_path, "README.md")
    assert len(load_migrations(tmp_path)) == 1


@pytest.mark.parametrize("name", ["1_one.sql", "0001-one.sql", "0001_One.sql", "one.sql", "0001_.sql"])
def test_a_wrong_name_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(MigrationError, match=name):
        load_migrations(tmp_path)


def test_two_files_of_one_number_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "0001_one.sql")
    write(tmp_path, "0001_uno.sql")
    with pytest.raises(MigrationError, match="0001"):
        load_migrations(tmp_path)


def test_the_checksum_does_not_depend_on_the_line_ends_of_a_checkout(tmp_path: Path) -> None:
    write(tmp_path, "0001_one.sql", "SELECT 1;\r\n")
    assert load_migrations(tmp_path)[0].checksum == hashlib.sha256(b"SELECT 1;\n").hexdigest()


def test_the_released_files_are_in_order_without_a_gap() -> None:
    versions = [migration.version for migration in load_migrations()]
    assert versions == list(range(1, len(versions) + 1))
