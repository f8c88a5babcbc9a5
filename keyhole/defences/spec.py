"""A defence with its settings as one word: ``gaussian:scale=0.5``.

One word, because it is the same for edge, oracle, adversary and demo, as flag and as environment variable, and it is
the name that frames and scores carry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from keyhole.defences.defence import Defence
from keyhole.defences.registry import DEFENCES, TRAINED
from keyhole.extensions import ExtensionError, load_extension
from keyhole.named_settings import made, spelled_settings
from keyhole.service.errors import UsageError, unknown_name


def defence_named(spec: str) -> Defence:
    """The defence that ``NAME[:SETTING=VALUE[,…]]`` says; NAME is registered or ``package.module:Class``.

    Raises:
        UsageError: no such name, setting or value; the message lists what there is.
    """
    name, settings = _parted(spec)
    kind: Callable[..., Defence] = DEFENCES.get(name) or _own(name)
    return made("--defence", spec, name, settings, kind)


def spelled(spec: str) -> str:
    """The same in one spelling: settings in the order of declaration, defaults left out.

    >>> spelled("dropout:rescale=false,share=.50")
    'dropout:share=0.5'

    Raises:
        UsageError: as `defence_named`.
    """
    name, _ = _parted(spec)
    settings = spelled_settings(_dataclass(defence_named(spec)))
    return f"{name}:{settings}" if settings else name


def _parted(spec: str) -> tuple[str, str]:
    """Name and settings."""
    name, _, settings = spec.partition(":")
    if name not in DEFENCES and settings and "=" not in settings.partition(":")[0]:
        own, _, settings = settings.partition(":")
        name = f"{name}:{own}"
    return name, settings


def _own(name: str) -> Any:
    if name in TRAINED:
        raise UsageError(f"{name} is trained into the target, so every process takes it as one: {TRAINED[name]}")
    if ":" not in name:
        raise unknown_name("defence", name, [*DEFENCES, "package.module:Class"])
    try:
        return _dataclass(load_extension(name))
    except ExtensionError as error:
        raise UsageError(f"cannot load the defence {error}") from error


def _dataclass(kind: Any) -> Any:
    if not dataclasses.is_dataclass(kind):
        raise UsageError(f"{kind}: expected a dataclass, whose fields are the defence's settings")
    return kind
