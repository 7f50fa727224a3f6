"""The few words that the hub itself says: in mails around a text, and for digests without a template of their own."""

from __future__ import annotations

from collections.abc import Mapping

from babel import numbers

from hub.model.formats import babel_locale, plural_form

_PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "digest.one": "{n} new notification", "digest.other": "{n} new notifications", "more": "and {n} more",
        "open": "Open", "unsubscribe": "Unsubscribe", "preferences": "Notification settings",
    },
    "de": {
        "digest.one": "{n} neue Benachrichtigung", "digest.other": "{n} neue Benachrichtigungen",
        "more": "und {n} weitere", "open": "Öffnen", "unsubscribe": "Abbestellen",
        "preferences": "Benachrichtigungen einstellen",
    },
    "fr": {
        "digest.one": "{n} nouvelle notification", "digest.other": "{n} nouvelles notifications",
        "more": "et {n} de plus", "open": "Ouvrir", "unsubscribe": "Se désabonner",
        "preferences": "Paramètres de notification",
    },
    "pt": {
        "digest.one": "{n} nova notificação", "digest.other": "{n} novas notificações", "more": "e mais {n}",
        "open": "Abrir", "unsubscribe": "Cancelar inscrição", "preferences": "Configurar notificações",
    },
    "ar": {
        "digest.zero": "لا إشعارات جديدة", "digest.one": "إشعار جديد واحد", "digest.two": "إشعاران جديدان",
        "digest.few": "{n} إشعارات جديدة", "digest.many": "{n} إشعارًا جديدًا", "digest.other": "{n} إشعار جديد",
        "more": "و{n} أخرى", "open": "فتح", "unsubscribe": "إلغاء الاشتراك", "preferences": "إعدادات الإشعارات",
    },
    "ja": {
        "digest.other": "新しい通知が{n}件あります", "more": "ほか{n}件", "open": "開く", "unsubscribe": "配信停止",
        "preferences": "通知の設定",
    },
}  # fmt: skip
_RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ku", "nqo", "ps", "sd", "ug", "ur", "yi"}
)


def language_of(locale: str | None) -> str:
    """The language of a tag: `pt` of `pt-BR`; `en` without one."""
    return (locale or "en").replace("_", "-").partition("-")[0].lower()


def direction_of(locale: str | None) -> str:
    """`rtl` or `ltr`, as the language is written."""
    return "rtl" if language_of(locale) in _RIGHT_TO_LEFT else "ltr"


def spoken(locale: str | None) -> str:
    """The locale in which the hub's own words are said to somebody: theirs, or English."""
    return locale if locale is not None and language_of(locale) in _PHRASES else "en"


def phrase(name: str, locale: str | None, number: int | None = None) -> str:
    """One of the words above."""
    words = _PHRASES[language_of(spoken(locale))]
    if number is None:
        return words[name]
    known = babel_locale(spoken(locale))
    text = words.get(name) or words.get(f"{name}.{plural_form(number, known)}") or words[f"{name}.other"]
    return text.format(n=numbers.format_decimal(number, locale=known))
