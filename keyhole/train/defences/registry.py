"""Defences by training, by name, of what crosses a cut and of whom a classifier was trained on: one file each, one line
here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyhole.extensions import ExtensionError, load_extension
from keyhole.named_settings import parse_settings
from keyhole.service.errors import UsageError, unknown_name
from keyhole.train.defences.app import App
from keyhole.train.defences.base import AnyMethod
from keyhole.train.defences.classifier.bido import Bido
from keyhole.train.defences.classifier.mid import Mid
from keyhole.train.defences.classifier.smoothing import Smoothing
from keyhole.train.defences.classifier.tl_dmi import TlDmi
from keyhole.train.defences.disco import Disco
from keyhole.train.defences.noise_aware import NoiseAware
from keyhole.train.defences.nopeek import NoPeek
from keyhole.train.defences.shredder import Shredder
from keyhole.train.defences.skip import Skip

METHODS: Mapping[str, Callable[..., AnyMethod]] = MappingProxyType(
    {
        "nopeek": NoPeek,
        "app": App,
        "disco": Disco,
        "shredder": Shredder,
        "noise-aware": NoiseAware,
        "skip": Skip,
        "tl-dmi": TlDmi,
        "bido": Bido,
        "mid": Mid,
        "smoothing": Smoothing,
    }
)


def method_named(word: str) -> tuple[str, AnyMethod]:
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


def _own(name: str) -> Callable[..., AnyMethod]:
    try:
        kind = load_extension(name)
    except ExtensionError as error:
        raise UsageError(f"cannot load the method {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, AnyMethod) and dataclasses.is_dataclass(kind)):
        raise UsageError(f"--method {name}: expected a dataclass that inherits from DefenceMethod or ClassifierMethod")
    return kind
