"""A client, written from contract.md alone: the oracle of the stream.

It knows no code of ours. Tests feed it frames and REST answers, and compare what it holds with a fresh snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Frame = dict[str, Any]


@dataclass
class ClientModel:
    """What one client holds: items by id, its own rev, its cursor, the newest counts."""

    rev: int = 0
    cursor: str | None = None
    items: dict[str, Frame] = field(default_factory=dict)
    counts: dict[str, int] | None = None
    counts_rev: int = -1
    window: int = 0  # live items from this seq on are held without paging through history
    reloads: int = 0
    gaps: int = 0
    pending_rest: list[list[Frame]] = field(default_factory=list)
    answers: dict[int, Frame] = field(default_factory=dict)

    def receive(self, frame: Frame) -> list[Frame]:
        """Applies a frame; the frames the client answers with."""
        for arrived in self.pending_rest:
            arrived.append(frame)
        return self._apply(frame)

    def _apply(self, frame: Frame) -> list[Frame]:
        kind = frame["type"]
        if kind == "welcome":
            if "items" in frame:
                self._discard()
                self.rev, self.cursor = frame["rev"], frame["cursor"]
                for item in frame["items"]:
                    self._put(item)
                self._count(frame)
                unpinned = [item["seq"] for item in frame["items"] if item["pinned_at"] is None]
                self.window = min(unpinned, default=self.rev + 1) if frame["next_cursor"] else 0
        elif kind == "reset":
            self._discard()
            self.reloads += 1
        elif kind == "changes":
            if frame["since"] > self.rev:
                return self._gap()
            for item in frame["items"]:
                self._put(item)
            for update in frame["updates"]:
                self._update(update)
            self._remove(frame["removed"])
            if frame["rev"] >= self.rev:
                self.rev, self.cursor = frame["rev"], frame["cursor"]
            self._count(frame)
        elif kind in ("item", "update", "removed"):
            if frame["rev"] <= self.rev:
                return []
            if frame["rev"] > self.rev + 1:
                return self._gap()
            self._live(frame)
            self.rev, self.cursor = frame["rev"], frame["cursor"]
            self._count(frame)
        elif kind == "ok":
            self.answers[frame["ref"]] = frame
        elif kind == "error":
            self.answers[frame.get("ref", -1)] = frame
        elif kind == "ping":
            return [{"type": "pong"}]
        elif "rev" in frame:
            return self._gap()
        return []

    def _live(self, frame: Frame) -> None:
        if frame["type"] == "item":
            self._put(frame["item"])
            self._remove(frame.get("removed", []))
        elif frame["type"] == "update":
            self._update(frame)
        else:
            self._remove(frame["ids"])

    def _gap(self) -> list[Frame]:
        self.gaps += 1
        return [{"type": "sync", "cursor": self.cursor}] if self.cursor else []

    def _discard(self) -> None:
        self.items.clear()
        self.rev, self.cursor, self.counts, self.counts_rev = 0, None, None, -1
        self.pending_rest = []

    def _put(self, item: Frame) -> None:
        held = self.items.get(item["id"])
        if held is None or held["rev"] <= item["rev"]:
            self.items[item["id"]] = dict(item)

    def _remove(self, ids: list[str]) -> None:
        for item_id in ids:
            self.items.pop(item_id, None)

    def _update(self, update: Frame) -> None:
        for item in self.items.values():
            if item["rev"] < update["rev"] and self._covers(update, item):
                changed = False
                for name, value in update["set"].items():
                    if value is not None and name != "snoozed_until" and item[name] is not None:
                        continue
                    if item[name] != value:
                        item[name] = value
                        changed = True
                if changed:
                    item["rev"] = update["rev"]

    @staticmethod
    def _covers(update: Frame, item: Frame) -> bool:
        if "ids" in update:
            return item["id"] in update["ids"]
        if item["seq"] > update["upto"]:
            return False
        if "category" in update and item["category"] != update["category"]:
            return False
        return "tag" not in update or update["tag"] in item["tags"]

    def _count(self, frame: Frame) -> None:
        if "counts" in frame and frame["rev"] >= self.counts_rev:
            self.counts, self.counts_rev = frame["counts"], frame["rev"]

    def rest_begins(self) -> list[Frame]:
        """A list request goes out; frames from now on are applied again after its answer."""
        arrived: list[Frame] = []
        self.pending_rest.append(arrived)
        return arrived

    def rest_answers(self, arrived: list[Frame], items: list[Frame]) -> None:
        """The answer of that request; dropped when a reset came between. The own rev stays."""
        if not any(entry is arrived for entry in self.pending_rest):
            return
        self.pending_rest = [entry for entry in self.pending_rest if entry is not arrived]
        for item in items:
            self._put(item)
        for frame in arrived:
            self._again(frame)

    def _again(self, frame: Frame) -> None:
        if frame["type"] in ("item", "update", "removed"):
            self._live(frame)
        elif frame["type"] == "changes":
            for item in frame["items"]:
                self._put(item)
            for update in frame["updates"]:
                self._update(update)
            self._remove(frame["removed"])
