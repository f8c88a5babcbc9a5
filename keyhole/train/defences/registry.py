"""Defences by training, by name: one file each, one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyhole.named_settings import made
from keyhole.service.errors import unknown_name
from keyhole.train.defences.app import App
from keyhole.train.defences.disco import Disco
from keyhole.train.defences.method import Method
from keyhole.train.defences.noise_aware import NoiseAware
from keyhole.train.defences.nopeek import NoPeek
from keyhole.train.defences.shredder import Shredder
from keyhole.train.defences.skip import Skip

METHODS: Mapping[str, Callable[..., Method]] = MappingProxyType(
    {
        "nopeek": NoPeek,
        "app": App,
        "disco": Disco,
        "shredder": Shredder,
        "noise-aware": NoiseAware,
        "skip": Skip,
    }
)


def method_named(word: str) -> tuple[str, Method]:
    """Name and method that ``NAME[:SETTING=VALUE[,…]]`` says.

    Raises:
        UsageError: no such name, setting or value; the message lists what there is.
    """
    name, _, settings = word.partition(":")
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return name, made("--method", word, name, settings, METHODS[name])
