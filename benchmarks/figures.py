"""What is measured: each figure's name, unit, direction, and how far it may move before it counts as changed.

The thresholds live here and nowhere else; no test asserts a speed.
"""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.stats import Better


class Figure(NamedTuple):
    name: str
    title: str
    unit: str
    better: Better
    tolerance: float  # share of the baseline's median; from how much repeated runs of one commit differed
    digits: int = 1


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("latency_p50", "publish → screen, p50", "ms", "lower", 0.15, 2),
        Figure("latency_p99", "publish → screen, p99", "ms", "lower", 0.30, 2),
        Figure("visible_p50", "publish → painted in a browser, p50", "ms", "lower", 0.20),
        Figure("visible_p99", "publish → painted in a browser, p99", "ms", "lower", 0.40),
        Figure("scrolling_longest", "scrolling through 10,000 items, longest task", "ms CPU", "lower", 0.50, 0),
        Figure("scrolling_long", "… tasks over 50 ms", "", "lower", 0.50, 0),
        Figure("publish_single", "publishes to one person", "1/s", "higher", 0.10, 0),
        Figure("publish_lists", "publishes to lists of 100", "1/s", "higher", 0.10),
        Figure("fanout_cpu", "gateway CPU, fan-out", "s per 100,000", "lower", 0.15, 3),
        Figure("unicast_cpu", "gateway CPU, unicast", "s per 100,000", "lower", 0.10, 3),
        Figure("unicast_acked_cpu", "gateway CPU, unicast with acks", "s per 100,000", "lower", 0.10, 3),
        *(
            Figure(
                f"gateways_{count}", f"… unicast, {count} gateway{'s' * (count > 1)}", "s per 100,000", "lower", 0.10, 3
            )
            for count in (1, 2, 4, 8)
        ),
        Figure("idle_memory", "idle connection", "KiB", "lower", 0.05),
        Figure("handshakes", "handshakes, hello → welcome", "1/s", "higher", 0.10, 0),
        Figure("handshake_cpu", "gateway CPU per handshake", "ms", "lower", 0.10, 3),
        Figure("resumes", "handshakes with a cursor", "1/s", "higher", 0.10, 0),
        Figure("storm_seconds", "10,000 come back at once, all live", "s", "lower", 0.15),
        Figure("storm_p99", "publish → screen of others meanwhile, p99", "ms", "lower", 0.40),
        Figure("collection", "full collection with them there", "ms", "lower", 0.40, 2),
        Figure("decisions", "decisions, pure", "1/s", "higher", 0.10, 0),
        Figure("decisions_wishes", "decisions, with preferences and quiet hours", "1/s", "higher", 0.10, 0),
        Figure("ladder_single", "publishes to one person, with a ladder", "1/s", "higher", 0.10, 0),
        Figure("ladder_single_share", "… of those without outside steps", "%", "higher", 0.10),
        Figure("ladder_lists", "publishes to lists of 100, with a ladder", "1/s", "higher", 0.10),
        Figure("ladder_lists_share", "… of those without outside steps", "%", "higher", 0.10),
        Figure("deliveries", "deliveries decided, claimed, sent, settled", "1/s", "higher", 0.15, 0),
        Figure("claims", "claims and reports", "1/s", "higher", 0.15, 0),
        Figure("claims_crowded", "claims beside 100,000 queued of one person", "1/s", "higher", 0.15, 0),
        Figure("presence_written", "presence, one connection there and back", "µs", "lower", 0.15),
        Figure("presence_read", "presence, one person asked for", "µs", "lower", 0.15),
        Figure("critical_p50", "critical, publish → claim, p50", "ms", "lower", 0.25),
        Figure("critical_p99", "critical, publish → claim, p99", "ms", "lower", 0.40),
        Figure("pushes_channel", "pushes, the channel alone", "1/s", "higher", 0.15, 0),
        Figure("pushes_channel_cpu", "CPU of a push, the channel alone", "µs", "lower", 0.15, 0),
        Figure("pushes", "pushes of one worker, rendered, settled", "1/s", "higher", 0.15, 0),
        Figure("pushes_cpu", "CPU of a push in the worker", "µs", "lower", 0.15, 0),
        Figure("mails_channel", "mails, the channel alone", "1/s", "higher", 0.15, 0),
        Figure("mails_channel_cpu", "CPU of a mail, the channel alone", "µs", "lower", 0.15, 0),
        Figure("mails", "mails of one worker, rendered, settled", "1/s", "higher", 0.15, 0),
        Figure("mails_cpu", "CPU of a mail in the worker", "µs", "lower", 0.15, 0),
    )
}
