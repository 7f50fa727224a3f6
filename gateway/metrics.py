"""What a gateway counts. Frames are counted per second, not per frame: they are the hot path."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("hub_gateway_connections", "Open connections, by transport", ["transport"])
CLOSES = Counter("hub_gateway_closes_total", "Connections that the gateway closed, by close code", ["code"])
SENT = Counter("hub_gateway_frames_sent_total", "Frames sent to clients")
READS = Counter("hub_gateway_reads_total", "Reads of the store: snapshot, changes, heads", ["kind"])
