"""Nchan in Debian's nginx: C, and messages in its own memory, or through Valkey as those of several servers go."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.fleet import HOST, Fleet
from benchmarks.peers.peer import HttpPeer, Peer, PeerMissing, started
from benchmarks.process import children
from hub.local.process import free_port

MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

CONFIGURATION = """
load_module {module};
daemon off; worker_processes 1; worker_rlimit_nofile 60000; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 50000; }}
http {{
  access_log off; client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory}; keepalive_requests 10000000;
  {upstream}
  server {{
    listen {host}:{port} backlog=4096;
    location = /pub {{ nchan_publisher; nchan_channel_id $arg_id; nchan_message_buffer_length 0; {through} }}
    location = /sub {{ nchan_subscriber websocket; nchan_channel_id $arg_id; nchan_subscriber_first_message newest;
                      {through} }}
  }}
}}
"""
UPSTREAM = "upstream valkey {{ nchan_redis_server {url}; }}"
THROUGH = "nchan_redis_pass valkey;"


def _module_there() -> bool:
    return MODULE.exists()


@asynccontextmanager
async def nchan(fleet: Fleet, *, through_redis: bool = False) -> AsyncIterator[Peer]:
    """A new nginx with one worker.

    Raises:
        PeerMissing: nginx or its module is not installed.
    """
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None or not _module_there():
        raise PeerMissing("apt-get install nginx-light libnginx-mod-nchan")
    with tempfile.TemporaryDirectory(prefix="hub-bench-nginx-") as directory:
        port = free_port()
        configuration = Path(directory) / "nginx.conf"
        upstream = UPSTREAM.format(url=fleet.servers.redis_url) if through_redis else ""
        through = THROUGH if through_redis else ""
        configuration.write_text(
            CONFIGURATION.format(
                module=MODULE, directory=directory, host=HOST, port=port, upstream=upstream, through=through
            )
        )
        async with started([nginx, "-c", str(configuration), "-p", directory], port) as process:
            [worker] = children(process.pid)
            yield HttpPeer(worker, port)
