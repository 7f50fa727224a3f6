"""The preference centre's form: switches of categories and channels, and a pause. Made of what holds, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.page import Markup, fill, join
from gateway.page_texts import Texts
from hub.api.choices import label_of
from hub.api.choosing import Moved, View
from hub.api.link_choices import Visit
from hub.model.ladder import channels_of
from hub.model.times import format_time
from hub.store.categories import GENERAL

PAUSES = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=28)}
NO_PAUSE, SAME_PAUSE = "none", "keep"


def name_of(texts: Texts, category: str) -> str:
    """What the page calls a category."""
    return texts.everything_else if category == GENERAL else label_of(category)


def centre(texts: Texts, found: Visit, now: datetime, *, saved: bool) -> Markup:
    """The form, with a word that it was saved."""
    view, switches = found.view, found.view.switches()
    groups = [_group(texts.all_messages, [], [_box(texts, channel, "", on) for channel, on in view.channels().items()])]
    for category, policy in view.policies.items():
        about = [
            part for part in (found.descriptions.get(category), texts.always_on if policy.required else "") if part
        ]
        boxes = [
            _box(texts, channel, category, switches[category, channel], fixed=policy.required)
            for channel in channels_of(policy)
        ]
        groups.append(_group(name_of(texts, category), about, boxes))
    return fill(
        '{saved}<p class="soft">{intro}</p><form method="post">{groups}{pause}'
        '<p class="actions"><button>{save}</button></p></form>',
        saved=fill('<p class="saved" role="status">{text}</p>', text=texts.saved) if saved else Markup(""),
        intro=texts.centre,
        groups=join(groups),
        pause=_pause(texts, view.paused_until(now), found.timezone),
        save=texts.save,
    )


def _group(name: str, about: Iterable[str], boxes: Iterable[Markup]) -> Markup:
    return fill(
        '<fieldset><legend><bdi>{name}</bdi></legend>{about}<div class="choices">{boxes}</div></fieldset>',
        name=name,
        about=join(fill('<p class="soft"><bdi>{text}</bdi></p>', text=text) for text in about),
        boxes=join(boxes),
    )


def _box(texts: Texts, channel: str, category: str, on: bool, *, fixed: bool = False) -> Markup:
    """A switch, of one category or of all ("").

    The form names each that it shows, because a browser sends only those that are on.
    """
    value, state = f"{channel} {category}", Markup(" checked") if on else Markup("")
    if fixed:
        box = fill('<input type="checkbox" disabled{state}>', state=state)
    else:
        box = fill(
            '<input type="hidden" name="shown" value="{value}">'
            '<input type="checkbox" name="on" value="{value}"{state}>',
            value=value,
            state=state,
        )
    kind = "fixed" if fixed else ""
    return fill('<label class="{kind}">{box}{text}</label>', kind=kind, box=box, text=texts.channel(channel))


def _pause(texts: Texts, until: datetime | None, timezone: str) -> Markup:
    choices = {NO_PAUSE: texts.pause_none, "day": texts.pause_day, "week": texts.pause_week, "month": texts.pause_month}
    if until is not None:
        local = until.astimezone(ZoneInfo(timezone))
        choices = {SAME_PAUSE: texts.pause_keep.format(until=f"{local:%Y-%m-%d %H:%M}"), **choices}
    options = (fill('<option value="{value}">{text}</option>', value=v, text=text) for v, text in choices.items())
    return fill(
        '<fieldset><legend id="pause">{name}</legend><div class="choices">'
        '<select name="pause" aria-labelledby="pause">{options}</select></div></fieldset>',
        name=texts.pause,
        options=join(options),
    )


def moved(form: Mapping[str, Sequence[str]], view: View, now: datetime) -> Moved:
    """Where a form's switches stand; what it cannot have shown is left out."""
    on = set(form.get("on", ()))
    switches, channels = view.switches(), view.channels()
    shown: dict[tuple[str, str], bool] = {}
    for value in form.get("shown", ()):
        channel, _, category = value.partition(" ")
        shown[category, channel] = value in on
    pause = form.get("pause", (SAME_PAUSE,))[0]
    until: str | tuple[()] | None = format_time(now + PAUSES[pause]) if pause in PAUSES else ()
    if pause == NO_PAUSE and view.paused_until(now) is not None:
        until = None
    return Moved(
        {switch: shown[switch] for switch in switches if switch in shown},
        channels={channel: shown["", channel] for channel in channels if ("", channel) in shown},
        paused_until=until,
    )
