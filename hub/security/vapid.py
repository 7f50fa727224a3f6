"""VAPID (RFC 8292): the key pair that push services know this hub by, and whom they write to about it.

A browser's subscription is bound to the public key it was made with: another key voids all of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_CURVE = ec.SECP256R1()
_KEY_BYTES = 32
_POINT_BYTES = 65  # uncompressed: 0x04, x, y (SEC 1, 2.3.3)
AUTH_BYTES = 16  # RFC 8291, section 3.2
_CONTACT = re.compile(r"(?:mailto:[^\s@<>,;]+@[^\s@<>,;]+|https://[^\s/?#@]+(?:[/?#]\S*)?)", re.ASCII)


class VapidKey:
    """A private key on P-256."""

    def __init__(self, private_key: EllipticCurvePrivateKey) -> None:
        self.private_key = private_key

    @property
    def public_text(self) -> str:
        """What a page passes as `applicationServerKey`: the uncompressed point, in base64url."""
        point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        return encode(self.private_key.public_key().public_bytes(*point))

    @property
    def private_text(self) -> str:
        """The secret number, in base64url: what HUB_VAPID_PRIVATE_KEY takes."""
        return encode(self.private_key.private_numbers().private_value.to_bytes(_KEY_BYTES, "big"))


def make_key() -> VapidKey:
    return VapidKey(ec.generate_private_key(_CURVE))


def read_key(text: str) -> VapidKey:
    """A private key: 32 bytes in base64url, or PEM (also with `\\n` for its line ends, as environments spell it).

    Raises:
        ValueError: it is none; the message shows nothing of it.
    """
    text = text.strip()
    try:
        if text.startswith("-----BEGIN"):
            key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode("ascii"), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVE.name:
                raise ValueError
            return VapidKey(key)
        raw = decode(text)
        if len(raw) != _KEY_BYTES:
            raise ValueError
        return VapidKey(ec.derive_private_key(int.from_bytes(raw, "big"), _CURVE))
    except (ValueError, TypeError):  # TypeError: the PEM needs a password
        raise ValueError("is no private key on P-256: neither 32 bytes in base64url nor PEM without password") from None


def check_contact(text: str) -> str:
    """A `mailto:` or `https:` URL (RFC 8292, section 2.1); raises ValueError."""
    if _CONTACT.fullmatch(text) is None:
        raise ValueError("must be a mailto: or https: URL")
    return text


def is_point(text: str) -> bool:
    """Whether this is an uncompressed point on P-256, in base64url: what a browser gives as `p256dh`."""
    try:
        raw = decode(text)
        if len(raw) != _POINT_BYTES:
            return False
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)
    except ValueError:
        return False
    return True


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Bytes of base64url, with or without padding; raises ValueError."""
    try:
        bare = text.rstrip("=").encode("ascii")
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("is no base64url") from error
