"""Who calls: API keys of backends and tokens of their people's clients.

authority.py  looks credentials up and says who they are      scopes.py    what a credential may allow
tokens.py     signs and verifies client tokens                keys.py      public keys and JSON Web Keys
jwks.py       fetches key sets from JWKS URLs                 outbound.py  connects to public addresses only
cache.py      look-ups that are kept for a second
"""

from hub.security.authority import Authority
from hub.security.keys import read_public_key
from hub.security.scopes import ADMIN, API_SCOPES, CLIENT_SCOPES, allows
from hub.security.tokens import ClientToken

__all__ = ["ADMIN", "API_SCOPES", "CLIENT_SCOPES", "Authority", "ClientToken", "allows", "read_public_key"]
