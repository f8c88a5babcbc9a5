"""A defence with its settings as one word: ``gaussian:scale=0.5``.

One word, because it is the same for edge, oracle, adversary and demo, as flag and as environment variable, and it is
the name that frames and scores carry.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_type_hints

from keyhole.defences.defence import Defence
from keyhole.defences.registry import DEFENCES
from keyhole.service.errors import UsageError, unknown_name


def defence_named(spec: str) -> Defence:
    """The defence that ``NAME[:SETTING=VALUE[,…]]`` says; NAME is registered or ``package.module:Class``.

    Raises:
        UsageError: no such name, setting or value; the message lists what there is.
    """
    name, settings = _parted(spec)
    kind = DEFENCES.get(name) or _own(name)
    given = [setting.partition("=") for setting in settings.split(",") if setting]
    values = {key: _value(spec, kind, key, text) for key, _, text in given}
    try:
        return kind(**values)
    except (TypeError, UsageError) as error:
        reason = "a setting is missing" if isinstance(error, TypeError) else error
        raise UsageError(f"--defence {spec}: {reason}; {_syntax(name, kind)}") from error


def spelled(spec: str) -> str:
    """The same in one spelling: settings in the order of declaration, defaults left out.

    >>> spelled("dropout:rescale=false,share=.50")
    'dropout:share=0.5'

    Raises:
        UsageError: as `defence_named`.
    """
    name, _ = _parted(spec)
    defence = defence_named(spec)
    settings = ",".join(
        f"{field.name}={_text(value)}"
        for field in dataclasses.fields(_dataclass(defence))
        if (value := getattr(defence, field.name)) != field.default
    )
    return f"{name}:{settings}" if settings else name


def _parted(spec: str) -> tuple[str, str]:
    """Name and settings."""
    name, _, settings = spec.partition(":")
    if name not in DEFENCES and settings and "=" not in settings.partition(":")[0]:
        own, _, settings = settings.partition(":")
        name = f"{name}:{own}"
    return name, settings


def _own(name: str) -> Any:
    path, _, attribute = name.partition(":")
    if not attribute:
        raise unknown_name("defence", name, [*DEFENCES, "package.module:Class"])
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        kind = getattr(importlib.import_module(path), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"cannot load the defence {name!r} as package.module:Class: {error}") from error
    return _dataclass(kind)


def _dataclass(kind: Any) -> Any:
    if not dataclasses.is_dataclass(kind):
        raise UsageError(f"{kind}: expected a dataclass, whose fields are the defence's settings")
    return kind


def _value(spec: str, kind: Callable[..., Defence], key: str, text: str) -> object:
    hint = get_type_hints(kind).get(key)
    if hint is None or not text:
        raise UsageError(f"--defence {spec}: no setting {key!r} with a value; {_syntax(spec.partition(':')[0], kind)}")
    plain = next((part for part in get_args(hint) if part is not NoneType), hint)
    try:
        return _READERS[plain](text)
    except ValueError as error:
        raise UsageError(f"--defence {spec}: {key}={text} is no {plain.__name__}") from error


def _syntax(name: str, kind: Callable[..., Defence]) -> str:
    hints = {field.name: field.type for field in dataclasses.fields(_dataclass(kind))}
    listed = ", ".join(f"{setting} ({hint})" for setting, hint in hints.items())
    return f"settings of {name}: {listed}" if listed else f"{name} has no settings"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_READERS: Mapping[type, Callable[[str], object]] = MappingProxyType({float: float, int: int, bool: _boolean, str: str})
