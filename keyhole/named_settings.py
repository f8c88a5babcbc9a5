"""A name with its settings as one word: ``gaussian:scale=0.5``. The settings are the fields of a dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from keyhole.service.errors import UsageError

T = TypeVar("T")


def parse_settings(flag: str, word: str, name: str, settings: str, kind: Callable[..., T]) -> T:
    """The object that ``SETTING=VALUE[,…]`` makes of a dataclass; ``p-reg`` is its field ``p_reg``.

    Args:
        flag: that the word was given by, for messages.
        word: the whole of it, for messages.
        name: its first part.
        settings: its second.
        kind: the dataclass.

    Raises:
        UsageError: no such setting or value; the message lists what there is.

    >>> Noise = dataclasses.make_dataclass("Noise", [("scale", float), ("bounded", bool, False)])
    >>> parse_settings("--defence", "mine:scale=2", "mine", "scale=2", Noise)
    Noise(scale=2.0, bounded=False)
    """
    given = [setting.partition("=") for setting in settings.split(",") if setting]
    named = [(key.replace("-", "_"), text) for key, _, text in given]
    values = {key: _value(f"{flag} {word}", name, kind, key, text) for key, text in named}
    try:
        return kind(**values)
    except (TypeError, UsageError) as error:
        reason = "a setting is missing" if isinstance(error, TypeError) else error
        raise UsageError(f"{flag} {word}: {reason}; {_syntax(name, kind)}") from error


def format_settings(thing: Any) -> str:
    """The settings of a dataclass's object as `parse_settings` reads them, in order, without defaults."""
    return ",".join(
        f"{field.name}={_text(value)}"
        for field in dataclasses.fields(thing)
        if (value := getattr(thing, field.name)) != field.default
    )


def _value(said: str, name: str, kind: Callable[..., object], key: str, text: str) -> object:
    hint = get_type_hints(kind).get(key)
    if hint is None or not text:
        raise UsageError(f"{said}: no setting {key!r} with a value; {_syntax(name, kind)}")
    plain = next((part for part in get_args(hint) if part is not NoneType), hint)
    try:
        return _READERS[plain](text)
    except ValueError as error:
        raise UsageError(f"{said}: {key}={text} is no {plain.__name__}") from error


def _syntax(name: str, kind: Any) -> str:
    listed = ", ".join(f"{field.name} ({_type_text(field.type)})" for field in dataclasses.fields(kind))
    return f"settings of {name}: {listed}" if listed else f"{name} has no settings"


def _type_text(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_READERS: Mapping[type, Callable[[str], object]] = MappingProxyType({float: float, int: int, bool: _boolean, str: str})
