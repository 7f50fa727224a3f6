"""benchmarks.process: /proc is read right, for this process and for one that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from time import process_time

import pytest

from benchmarks.process import (
    children,
    cpu_seconds,
    family,
    family_cpu_seconds,
    machine_cpu_seconds,
    pss_kib,
    raise_file_limit,
)


def burn(seconds: float) -> None:
    until = process_time() + seconds
    while process_time() < until:
        pass


def test_cpu_seconds_are_those_of_the_clock() -> None:
    before, clock = cpu_seconds(os.getpid()), process_time()
    burn(0.1)
    assert cpu_seconds(os.getpid()) - before == pytest.approx(process_time() - clock, rel=0.2)


def test_the_machine_spends_what_we_spend() -> None:
    before = machine_cpu_seconds()
    burn(0.2)
    assert machine_cpu_seconds() - before >= 0.15


def test_memory_grows_with_what_is_held() -> None:
    before = pss_kib(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 8)
    assert pss_kib(os.getpid()) - before >= 8 * 1024 * 0.9
    del held


def test_a_family_has_its_grandchildren() -> None:
    grandchild = "import sys; print(1, flush=True); sys.stdin.read()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        assert child.pid in children(os.getpid())
        assert len(family(child.pid)) == 2
        assert family_cpu_seconds([child.pid]) > 0
        assert child.stdin is not None
        child.stdin.close()


def test_who_is_gone_costs_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert cpu_seconds(child.pid) == 0
    assert children(child.pid) == []
    with pytest.raises(ProcessLookupError):
        pss_kib(child.pid)


def test_the_file_limit_is_raised_as_far_as_it_may() -> None:
    assert raise_file_limit(64) >= 64
