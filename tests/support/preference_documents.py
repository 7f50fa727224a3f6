"""Any layer of preferences, as Hypothesis invents it: documents as they are stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from hub.model.policy import CHANNELS
from hub.model.times import format_time

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=5)
MOMENTS = st.integers(10**8, 2 * 10**11).map(lambda second: format_time(datetime.fromtimestamp(second, UTC)))
TIMES = st.times().map(lambda at: at.strftime("%H:%M"))
DAYS = st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True)
CHOICES = st.dictionaries(st.sampled_from(CHANNELS), st.booleans())
ORDER = st.lists(st.sampled_from(CHANNELS), unique=True)
SHARED: dict[str, st.SearchStrategy[Any]] = {
    "paused_until": MOMENTS,
    "channels": CHOICES,
    "channel_order": ORDER,
    "categories": st.dictionaries(
        NAMES, st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "channels": CHOICES}), max_size=3
    ),
    "quiet_hours": st.fixed_dictionaries(
        {"weekly": st.lists(st.fixed_dictionaries({"days": DAYS, "from": TIMES, "to": TIMES}), max_size=3)},
        optional={"timezone": st.sampled_from(["UTC", "Europe/Berlin"])},
    ),
    "digest": st.fixed_dictionaries(
        {"schedule": st.lists(st.fixed_dictionaries({"days": DAYS, "at": TIMES}), max_size=3)}
    ),
}
CONSENT = st.fixed_dictionaries(
    {"granted": st.booleans(), "at": MOMENTS}, optional={"source": NAMES, "channels": ORDER}
)
OWN: dict[str, st.SearchStrategy[Any]] = {
    "delegate": NAMES,
    "consents": st.dictionaries(NAMES | st.just("marketing"), CONSENT, max_size=3),
}
PERSON_DOCUMENTS = st.fixed_dictionaries({}, optional={**SHARED, **OWN})
DEFAULT_DOCUMENTS = st.fixed_dictionaries({}, optional=SHARED)
