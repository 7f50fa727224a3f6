"""E-mail addresses as mail servers take them (RFC 5321, 5322; RFC 5890 for domains that are not ASCII).

The API takes what looks like an address; here it is decided whether it can be written into a command and a header, and
how. Nothing that is refused here could end a line or an address early.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_LOCAL = 64  # octets (RFC 5321, section 4.5.3.1.1)
MAX_ADDRESS = 254  # octets: a path of 256 with its angle brackets (RFC 5321, section 4.5.3.1.3; erratum 1690)
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"  # RFC 6532, section 3.2: UTF-8 too
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
                     r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*")  # fmt: skip
_NAMED = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^<>\"]*?))\s*<([^<>]+)>\s*")


class Mailbox(NamedTuple):
    """One address, ready for a command: `local` quoted where it has to be, `domain` in ASCII.

    Attributes:
        name: Whose it is, for people; may hold anything.
    """

    local: str
    domain: str
    name: str | None = None

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"


@lru_cache(maxsize=4_096)
def parse_address(text: str) -> Mailbox:
    """An address without a name.

    Raises:
        ValueError: no server could take it; the message says why, and shows nothing of it.
    """
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("the address has no local part, or no domain")
    if not text.isprintable() or " " in text:
        raise ValueError("the address holds spaces or invisible characters")
    if len(local.encode("utf-8")) > MAX_LOCAL:
        raise ValueError(f"what stands before the @ is longer than {MAX_LOCAL} bytes")
    found = Mailbox(_local(local), _domain(domain))
    if len(found.address.encode("utf-8")) > MAX_ADDRESS:
        raise ValueError(f"the address is longer than {MAX_ADDRESS} bytes")
    return found


def parse_mailbox(text: str) -> Mailbox:
    """An address that may have a name: `Acme <news@example.com>`, `"Acme, Inc." <news@example.com>`.

    Raises:
        ValueError: as `parse_address`.
    """
    match = _NAMED.fullmatch(text)
    if match is None:
        return parse_address(text.strip())
    quoted, plain, address = match.groups()
    name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
    return parse_address(address.strip())._replace(name=name or None)


def same_address(one: str, other: str) -> bool:
    """Whether two texts name one address, compared as the suppression list does: case does not count, nor the way a
    domain is written.
    """
    return _comparable(one) == _comparable(other)


def spellings(text: str) -> tuple[str, ...]:
    """The ways in which one address may stand on the suppression list; the first is how it is written there.

    All of it is in lower case, also what stands before the @, and the domain in ASCII. The others are for what was
    written otherwise: a domain with its own letters. What is no address of that kind has one spelling.
    """
    text = text.lower()
    local, at, domain = text.rpartition("@")
    if not at or (domain.isascii() and "xn--" not in domain):
        return (text,)
    import idna

    try:
        plain = _domain(domain).lower()
        own = idna.decode(plain)
    except ValueError:
        return (text,)
    return tuple(dict.fromkeys((f"{local}@{plain}", f"{local}@{own}", text)))


def _comparable(text: str) -> str:
    try:
        return parse_address(text.strip().removeprefix("<").removesuffix(">")).address.lower()
    except ValueError:
        return text.strip().lower()


def _local(local: str) -> str:
    if _DOT_ATOM.fullmatch(local):
        return local
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'


def _domain(domain: str) -> str:
    if not domain.isascii():
        import idna  # its tables take 10 ms at every start, for the few addresses that need them

        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise ValueError("the domain of the address is no international domain name") from None
    if _DOMAIN.fullmatch(domain) is None:
        raise ValueError("the domain of the address is no domain name")
    return domain
