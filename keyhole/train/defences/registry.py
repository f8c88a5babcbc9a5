"""Defences by training, by name: one file each, one line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyhole.extensions import ExtensionError, load_extension
from keyhole.named_settings import parse_settings
from keyhole.service.errors import UsageError, unknown_name
from keyhole.train.defences.app import App
from keyhole.train.defences.base import DefenceMethod
from keyhole.train.defences.disco import Disco
from keyhole.train.defences.noise_aware import NoiseAware
from keyhole.train.defences.nopeek import NoPeek
from keyhole.train.defences.shredder import Shredder
from keyhole.train.defences.skip import Skip

METHODS: Mapping[str, Callable[..., DefenceMethod]] = MappingProxyType(
    {
        "nopeek": NoPeek,
        "app": App,
        "disco": Disco,
        "shredder": Shredder,
        "noise-aware": NoiseAware,
        "skip": Skip,
    }
)


def method_named(word: str) -> tuple[str, DefenceMethod]:
    """Name and method of ``NAME[:SETTING=VALUE[,…]]``; NAME is registered or ``package.module:Class``.

    >>> method_named("nopeek:weight=2")
    ('nopeek', NoPeek(weight=2.0))

    Raises:
        UsageError: no such name, setting or value; the message lists what there is.
    """
    name, _, settings = word.partition(":")
    if name in METHODS:
        return name, parse_settings("--method", word, name, settings, METHODS[name])
    attribute, _, settings = settings.partition(":")
    if not attribute or "=" in attribute:
        raise unknown_name("method", name, [*METHODS, "package.module:Class"])
    name = f"{name}:{attribute}"
    return name, parse_settings("--method", word, name, settings, _own(name))


def _own(name: str) -> Callable[..., DefenceMethod]:
    try:
        kind = load_extension(name)
    except ExtensionError as error:
        raise UsageError(f"cannot load the method {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, DefenceMethod) and dataclasses.is_dataclass(kind)):
        raise UsageError(f"--method {name}: expected a dataclass that inherits from {DefenceMethod.__qualname__}")
    return kind
