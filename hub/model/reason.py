"""Why a delivery waits, goes or does not go: one word for programs, one sentence for people.

The timeline, `explain` and `GET /v1/deliveries` show the word; docs/reasons.md, made from this file, the sentence.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Each member is its word, as a string; its sentence is `sentence`."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    # Waits
    SCHEDULED = "scheduled", "The notification is dispatched at its `send_at`."
    DELAY = "delay", "The step's `after` has not passed yet."
    DISPATCHED = "dispatched", "It was just dispatched, and is about to be decided on."
    ASKING = "asking_presence", "It was just dispatched; whether the person is here is about to be asked."
    PRESENT = "present", "The person is here, so the app is where it should be seen."
    GRACE = "grace", "The person left, or turned away, a moment ago and may be back at once."
    PRESENCE_UNKNOWN = (
        "presence_unknown",
        "Whether the person is here is not known, and what is not known sends nothing.",
    )
    QUIET_HOURS = "quiet_hours", "The person's quiet hours hold it until they end."
    CAP_UNKNOWN = (
        "cap_unknown",
        "How many of these the person has had is not known, and what is not known sends nothing.",
    )
    DIGEST = "digest", "It is gathered with others of its digest and leaves with them."
    BEHIND = "behind", "An earlier delivery to the same person on the same channel goes first."
    RETRY = "retry", "The last attempt failed in a way that may pass; another follows."
    LEASE_LOST = (
        "lease_lost",
        "The worker that had it went away; whether it was sent is not known, and it is tried again.",
    )

    PROVIDERS_DOWN = (
        "providers_down",
        "Every provider of the channel fails at the moment; none is asked until one is back.",
    )
    PACED = "paced", "As many as may go at once are on their way; it goes when there is room."
    RETRIES_HELD = "retries_held", "So many attempts fail that repeating more of them would only add to it."

    REPLAYED = "replayed", "It was a dead letter, is sent again with a new budget, and is about to be decided on."

    # Goes
    READY = "ready", "Nothing speaks against it."
    REPLACED = "replaced_by_digest", "It went as part of one digest instead."

    # Does not go
    SEEN = "seen", "The person has seen it in the app."
    READ = "read", "The person has read it in the app."
    DELIVERED = "delivered", "A screen of the person's has it."
    ARCHIVED = "archived", "The person has archived or snoozed it in the app."
    REMOVED = "removed", "It is no longer in the inbox: deleted, or replaced by a newer one of its collapse key."
    STAYED = "stayed", "The person was here until the next step's turn came."
    CATEGORY_OFF = "category_off", "The category is switched off."
    CHANNEL_OFF = "channel_off", "The channel is switched off, for this category or altogether."
    NOT_OPTED_IN = "not_opted_in", "The category is for those who ask for it, and the person has not."
    NO_CONSENT = "no_consent", "It is marketing, and no consent of the person is recorded."
    PAUSED = "paused", "Everything outside the app is paused."
    DELEGATED = "delegated", "It goes to the colleague whom the person named instead."
    NO_PROVIDER = "no_provider", "No provider is configured for this channel."
    NO_ADDRESS = "no_address", "The person has no address on this channel."
    SUPPRESSED = "suppressed", "The address bounced, complained or unsubscribed, and gets nothing any more."
    CAPPED = "capped", "The person has had as many of these as the cap allows."
    DUPLICATE = "duplicate", "The same `dedupe_key` reached this person within 24 hours."
    CHANNEL_NOT_REQUESTED = "channel_not_requested", "The notification's `channels` leave it out."
    NOT_IN_LADDER = "not_in_ladder", "The category's ladder leaves it out."
    CANCELLED = "cancelled", "The notification was cancelled."
    EXPIRED = "expired", "The notification's `expires_at` has passed."

    PURGED = "purged", "It was a dead letter, and was given up."

    # Failed
    REJECTED = "rejected", "The provider refused it for good."
    TEMPLATE_FAILED = "template_failed", "Its template could not be rendered; the detail names the line."
    NO_POSTAL_ADDRESS = (
        "no_postal_address",
        "It is marketing by e-mail, and the project's brand has no postal address.",
    )
    NO_PUBLIC_URL = (
        "no_public_url",
        "It is marketing by e-mail, which needs a link to unsubscribe, and the hub has no `HUB_PUBLIC_URL`.",
    )
    ATTEMPTS_SPENT = "attempts_spent", "The category's retry budget is spent."
