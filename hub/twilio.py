"""An account at Twilio, from a provider's URL: `twilio://SID:TOKEN@api.twilio.com?from=%2B15005550006`.

Parameters, beside those of every provider (hub/providers.py), of which `from` or `service` is needed:

    ?from=%2B1500…      the number, or the name, that it comes from
    ?service=MG…        the messaging service that chooses one
    ?account=AC…        with an API key (SK…) in place of the account's SID and token
    ?tls=false          for a stand-in on this machine alone
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from hub.loopback import is_loopback
from hub.providers import ProviderSettings

_PARAMETERS = ("from", "service", "account", "tls")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")


class TwilioAccount(NamedTuple):
    """Where to send, as whom. `key` and `token` are shown by no repr of ours."""

    base_url: str
    account: str
    key: str
    token: str
    sender: str | None = None
    service: str | None = None

    def __repr__(self) -> str:
        return f"TwilioAccount({self.base_url})"


def read_account(provider: ProviderSettings) -> TwilioAccount:
    """The account that a provider's URL names.

    Raises:
        ValueError: the message says which part is wrong, and shows nothing of it.
    """
    parts, given = provider.parts, provider.parameters
    provider.refuse_others(_PARAMETERS)
    key, token = (unquote(text or "") for text in (parts.username, parts.password))
    if not key or ":" in key or not token:
        raise ValueError("needs an account SID and a token before its @")
    account = given.get("account", key)
    if _ACCOUNT.fullmatch(account) is None:
        raise ValueError("has an account SID that is not AC and 32 hexadecimal digits; with an API key: ?account=AC…")
    if bool(given.get("from")) == bool(given.get("service")):
        raise ValueError("needs from= (a number, its + written as %2B) or service= (a messaging service), one of them")
    if given.get("from", "").startswith(" "):
        raise ValueError("has a from= that begins with a space: write + as %2B")
    if parts.path not in ("", "/"):
        raise ValueError("has a path, which Twilio's address has not")
    host = parts.hostname or ""
    authority = f"[{host}]" if ":" in host else host
    plain = given.get("tls") == "false"
    if given.get("tls", "true") not in ("true", "false") or (plain and not is_loopback(f"//{authority}")):
        raise ValueError("has a tls= that is neither true nor, on this machine, false")
    port = f":{parts.port}" if parts.port else ""
    return TwilioAccount(
        f"{'http' if plain else 'https'}://{authority}{port}",
        account,
        key,
        token,
        given.get("from"),
        given.get("service"),
    )
