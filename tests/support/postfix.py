"""A Postfix of a test's own: its configuration, queue and ports, no service of the system's.

Postfix is started by root alone, and gives up its rights itself. Where the tests are not root they ask sudo, as
`make test` does to install it.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port

START_SECONDS = 30.0
_MASTER = """\
127.0.0.1:{lazy} inet n - n - - smtpd -o smtpd_reject_unlisted_recipient=no
127.0.0.1:{strict} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = /dev/stdout
myhostname = mx.hub.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtpd_relay_restrictions = permit_mynetworks, reject
local_recipient_maps =
alias_maps =
alias_database =
virtual_mailbox_domains = good.test
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = inline:{{ {{ ada@good.test = ada/ }} }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = inline:{{ {{ sender.test = smtp:[127.0.0.1]:{bounces} }} }}
"""


class Postfix:
    """A running instance. It has the mailbox `ada@good.test` and none beside; bounces to `sender.test` go to a port.

    Attributes:
        lazy: The port that takes mail for whomever, and bounces it later.
        strict: The port that refuses unknown recipients at once.
    """

    def __init__(self, directory: Path, log: Path, lazy: int, strict: int, prefix: list[str]) -> None:
        self.lazy = lazy
        self.strict = strict
        self._directory = directory
        self._log = log
        self._prefix = prefix

    def delivered(self) -> list[bytes]:
        """What lies in Ada's mailbox."""
        command = [*self._prefix, "sh", "-c", f"cat {self._directory}/mail/ada/new/* 2>/dev/null"]
        found = subprocess.run(command, capture_output=True, check=False).stdout
        return [found] if found else []

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")


def _rights() -> list[str]:
    if os.geteuid() == 0:
        return []
    try:
        if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
            return ["sudo", "-n"]
    except FileNotFoundError:
        pass
    pytest.fail("Postfix needs root: run the tests as root, or let this user sudo without a password.")


@asynccontextmanager
async def running_postfix(bounces: int, log: Path) -> AsyncIterator[Postfix]:
    """A Postfix that answers on both of its ports.

    Args:
        bounces: The port to which it sends mail to `sender.test`.
        log: Where its log goes.
    """
    program = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail("There is no Postfix: run deploy/test-system.sh, or apt-get install postfix.")
    prefix, owner = _rights(), pwd.getpwnam("postfix")
    directory = Path(tempfile.mkdtemp(prefix="hub-postfix-"))
    postfix = Postfix(directory, log, free_port(), free_port(), prefix)
    (directory / "etc").mkdir()
    main = _MAIN.format(directory=directory, uid=owner.pw_uid, gid=owner.pw_gid, bounces=bounces)
    (directory / "etc" / "main.cf").write_text(main)
    (directory / "etc" / "master.cf").write_text(_MASTER.format(lazy=postfix.lazy, strict=postfix.strict))
    prepare = (
        f"cd {directory} && mkdir queue data mail && chown postfix data mail && chown -R root etc queue && "
        "chmod 755 . etc queue"
    )
    subprocess.run([*prefix, "sh", "-c", prepare], check=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, program, "-c", str(directory / "etc"), "start-fg"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        for port in (postfix.lazy, postfix.strict):
            await _answers(port, process, postfix)
        yield postfix
    finally:
        stop = [*prefix, program, "-c", str(directory / "etc"), "stop"]
        await asyncio.to_thread(subprocess.run, stop, capture_output=True, check=False, timeout=30)
        await asyncio.to_thread(process.wait, 30)
        subprocess.run([*prefix, "rm", "-rf", str(directory)], check=False)


async def _answers(port: int, process: subprocess.Popen[bytes], postfix: Postfix) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.poll() is None, f"Postfix does not start: {postfix.said()[-2000:]}"
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            greeting = await reader.readline()
            writer.close()
            if greeting.startswith(b"220"):
                return
