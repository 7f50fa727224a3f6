"""Mail servers: from a provider's URL to a connection that is encrypted, logged in and ready for mail.

Parameters of an `smtp://` or `smtps://` URL, beside those of every provider (hub/providers.py):

    ?starttls=true      encryption is required, and its certificate checked; `false`: none, although it is offered
    ?tls_ca=/ca.pem     certificates to check the server's against, in place of the system's
    ?connections=20     at once to this server, of a worker
    ?bounces=a@b.org    where bounces go (the envelope's sender); the address of HUB_EMAIL_FROM otherwise

Without `starttls`: required where there are credentials, since they would travel in the clear; else taken where it is
offered, whatever its certificate (RFC 7435: better than nothing); not at all on this machine.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

from hub.exceptions import HubError
from hub.loopback import is_loopback
from hub.model.mail_address import parse_address
from hub.model.smtp_replies import Phase
from hub.providers import ProviderSettings

if TYPE_CHECKING:
    import aiosmtplib

CONNECTIONS = 20  # at once; Postfix allows a client 50 (smtpd_client_connection_count_limit), small providers ten or so
MAX_CONNECTIONS = 100  # what a worker sends at once
_PARAMETERS = ("starttls", "tls_ca", "connections", "bounces")

Security: TypeAlias = Literal["implicit", "required", "offered", "none"]


class SmtpServer(NamedTuple):
    """One server. `password` is shown by no repr of ours."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    connections: int = CONNECTIONS
    bounces: str | None = None

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port}, {self.security})"


class SmtpFailure(HubError):
    """A connection that could not be made; without credentials.

    Attributes:
        phase: What was under way.
        reply: The server's code and words, if it answered.
    """

    def __init__(self, phase: Phase, detail: str, reply: tuple[int, str] | None = None) -> None:
        super().__init__(detail)
        self.phase = phase
        self.detail = detail
        self.reply = reply


def read_server(provider: ProviderSettings) -> SmtpServer:
    """The server that a provider's URL names.

    Raises:
        ValueError: the message says which parameter is wrong, and shows nothing of it.
    """
    parts, given = provider.parts, provider.parameters
    provider.refuse_others(_PARAMETERS)
    user, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    if (user is None) != (password is None):
        raise ValueError("has a user without a password, or a password without a user")
    connections = given.get("connections", str(CONNECTIONS))
    if not (connections.isascii() and connections.isdigit() and 1 <= int(connections[:4]) <= MAX_CONNECTIONS):
        raise ValueError(f"has connections that are no whole number from 1 to {MAX_CONNECTIONS}")
    ca_file = given.get("tls_ca")
    if ca_file is not None and not Path(ca_file).is_file():
        raise ValueError("has a tls_ca that is no file")
    bounces = given.get("bounces")
    if bounces is not None:
        bounces = parse_address(bounces).address
        if not bounces.isascii():
            raise ValueError("has a bounces address that is not ASCII before its @")
    security = _security(
        parts.scheme, given.get("starttls"), local=is_loopback(f"//{parts.hostname}"), login=bool(user)
    )
    port = parts.port or (465 if security == "implicit" else 25 if user is None else 587)
    return SmtpServer(parts.hostname or "", port, security, user, password, ca_file, int(connections), bounces)


def _security(scheme: str, starttls: str | None, *, local: bool, login: bool) -> Security:
    if starttls not in (None, "true", "false"):
        raise ValueError("has a starttls that is neither true nor false")
    if scheme == "smtps":
        return "implicit"
    if starttls is not None:
        return "required" if starttls == "true" else "none"
    if local:
        return "none"
    return "required" if login else "offered"


async def connect(server: SmtpServer, context: ssl.SSLContext | None, timeout_seconds: float) -> aiosmtplib.SMTP:
    """A connection on which EHLO, STARTTLS and AUTH are done. Cancelling closes it.

    Args:
        context: `tls_context(server)`, made once.
        timeout_seconds: For all of it.

    Raises:
        SmtpFailure: it could not be made.
    """
    import aiosmtplib  # 70 ms at every start, for what most processes never do

    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=socket.gethostname(),  # its own default asks DNS
        use_tls=server.security == "implicit",
        start_tls=False,
        tls_context=context,
        timeout=timeout_seconds,
    )
    phase = Phase.CONNECT
    try:
        async with asyncio.timeout(timeout_seconds):
            await client.connect()
            phase = Phase.HELLO
            await client.ehlo()
            if server.security in ("required", "offered"):
                phase = Phase.TLS
                if client.supports_extension("starttls"):
                    await client.starttls(tls_context=context)
                    await client.ehlo()
                elif server.security == "required":
                    raise SmtpFailure(phase, "the server offers no encryption (STARTTLS)")
            if server.user is not None and server.password is not None:
                phase = Phase.AUTH
                if not client.supports_extension("auth"):
                    raise SmtpFailure(phase, "the server offers no login")
                await client.login(server.user, server.password)
    except BaseException as error:
        client.close()
        if isinstance(error, aiosmtplib.SMTPResponseException):
            raise SmtpFailure(phase, f"{error.code} when {phase}", (error.code, error.message)) from None
        if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
            raise SmtpFailure(phase, f"no answer within {timeout_seconds:g} s when {phase}") from None
        if isinstance(error, aiosmtplib.SMTPException | OSError | ValueError):
            raise SmtpFailure(phase, f"{_cause(error)} when {phase}") from None
        raise
    return client


def tls_context(server: SmtpServer) -> ssl.SSLContext | None:
    """How a server's certificate is checked; None where nothing is encrypted.

    Raises:
        SmtpFailure: `tls_ca` holds no certificates.
    """
    if server.security == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SmtpFailure(Phase.TLS, f"tls_ca cannot be read: {type(error).__name__}") from None
    if server.security == "offered":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _cause(error: BaseException) -> str:
    """The innermost reason, in words without addresses."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"the certificate is not good ({seen.verify_message})"
        if isinstance(seen, ssl.SSLError):
            return f"TLS fails ({seen.reason or type(seen).__name__})"
        if isinstance(seen, ConnectionRefusedError):
            return "connection refused"
        if isinstance(seen, socket.gaierror):
            return "no such host name"
        error, seen = seen, seen.__cause__ or seen.__context__
    return type(error).__name__
