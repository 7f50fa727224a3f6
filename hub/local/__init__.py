"""A real Postgres and a real Valkey for one directory: what `hub dev` and the tests run on."""

from hub.local.servers import Servers, local_servers

__all__ = ["Servers", "local_servers"]
