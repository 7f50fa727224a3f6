"""An account at Twilio, as settings name it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from hub.providers import parse_providers
from hub.twilio import TwilioAccount, read_account

SID = "AC" + "0123456789abcdef" * 2


def read(text: str) -> TwilioAccount:
    (provider,) = parse_providers("sms", SecretStr(text), ("twilio",))
    return read_account(provider)


def test_an_account() -> None:
    found = read(f"twilio://{SID}:s%2Fe@api.twilio.com?from=%2B15005550006&name=main")
    assert found == TwilioAccount("https://api.twilio.com", SID, SID, "s/e", "+15005550006")
    assert "s/e" not in repr(found)
    keyed = read(f"twilio://SK1:x@api.twilio.com?service=MG1&account={SID}")
    assert (keyed.account, keyed.key, keyed.service, keyed.sender) == (SID, "SK1", "MG1", None)
    assert read(f"twilio://{SID}:x@127.0.0.1:81?from=Acme&tls=false").base_url == "http://127.0.0.1:81"
    assert read(f"twilio://{SID}:x@[::1]:81?from=Acme&tls=false&name=six").base_url == "http://[::1]:81"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"twilio://{SID}@api.twilio.com?from=Acme", "token"),
        ("twilio://SK1:hush@api.twilio.com?from=Acme", "?account=AC"),
        (f"twilio://{SID}:hush@api.twilio.com", "from="),
        (f"twilio://{SID}:hush@api.twilio.com?from=a&service=MG1", "one of them"),
        (f"twilio://{SID}:hush@api.twilio.com?from=+15005550006", "%2B"),
        (f"twilio://{SID}:hush@api.twilio.com?from=a&tls=false", "tls="),
        (f"twilio://{SID}:hush@127.0.0.1?from=a&tls=no", "tls="),
        (f"twilio://{SID}:hush@api.twilio.com/v1?from=a", "path"),
        (f"twilio://{SID}:hush@api.twilio.com?from=a&form=b", "'form'"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read(text)
    assert what in str(refused.value)
    assert "hush" not in str(refused.value)
