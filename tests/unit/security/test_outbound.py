"""URLs that somebody else chose: what can be refused before anything is resolved."""

from __future__ import annotations

import pytest

from hub.security.outbound import check_url

PRIVATE = [
    "https://127.0.0.1/x", "https://10.0.0.1", "https://169.254.169.254/latest/meta-data", "https://192.168.1.1:8443/",
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
]  # fmt: skip
WRONG = [
    "", "push", "//push.example.com/x", "ftp://push.example.com", "javascript:alert(1)", "file:///etc/passwd",
    "https://user:password@push.example.com/", "https://push.example.com/#x", "https:///x",
    "https://push.example.com:port/", "https://push.example.com/ä", "https://push.example.com/ x", "https://[::1",
    "https://push.example.com\\@127.0.0.1/\n",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_url(url, allow_private=False)


@pytest.mark.parametrize("url", WRONG)
@pytest.mark.parametrize("allow", [True, False])
def test_what_is_no_such_url_is_refused(url: str, allow: bool) -> None:
    with pytest.raises(ValueError, match="must"):
        check_url(url, allow_private=allow)


def test_public_ones_pass_and_private_ones_where_allowed() -> None:
    check_url("https://fcm.googleapis.com/fcm/send/abc:def-123_x?y=%20", allow_private=False)
    check_url("https://1.1.1.1:8443/push", allow_private=False)
    check_url("http://127.0.0.1:9000/push", allow_private=True)
    with pytest.raises(ValueError, match="of https that"):
        check_url("http://push.example.com/", allow_private=False)
