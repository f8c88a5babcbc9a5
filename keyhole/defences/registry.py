"""Defences by name, with their settings as one word: ``gaussian:scale=0.5``.

One word, because it is the same for edge, oracle, adversary and demo, as flag and as environment variable, and it is
the name that frames and scores carry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from keyhole.defences.base import Defence, NoDefence
from keyhole.defences.channel_filter import CHANNEL_FILTER, ChannelFilter
from keyhole.defences.learned_noise import LEARNED_NOISE, LearnedNoise
from keyhole.defences.lossy import Dropout, Int8, TopK
from keyhole.defences.mechanism_file import mechanism_hash
from keyhole.defences.noise import Gaussian, Laplace
from keyhole.extensions import ExtensionError, extension_hash, load_extension
from keyhole.named_settings import format_settings, parse_settings
from keyhole.service.errors import UsageError, unknown_name

DEFENCES: Mapping[str, Callable[..., Defence]] = MappingProxyType(
    {
        "none": NoDefence,
        "gaussian": Gaussian,
        "laplace": Laplace,
        "dropout": Dropout,
        "topk": TopK,
        "int8": Int8,
        LEARNED_NOISE: LearnedNoise,
        CHANNEL_FILTER: ChannelFilter,
    }
)

_MEMBERS = tuple(name for name, member in vars(Defence).items() if callable(member) and not name.startswith("_"))
_METHODS = ("nopeek", "app", "disco", "shredder", "noise-aware", "skip", "tl-dmi", "bido", "mid", "smoothing")
_METHOD = "--target defended:FOLDER, which `keyhole train defence` wrote; its last line says which --defence to add"
_PRUNED = "--target resnet18-streetcam-patrol (…-low, …-small), or pruned:FOLDER, which `keyhole train patrol` wrote"
TRAINED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("patrol", "pruning"), _PRUNED),
        **dict.fromkeys(_METHODS, _METHOD),
    }
)
"""Defences that are no step of a frame, by name: how they are asked for."""


def defence_named(spec: str) -> Defence:
    """The defence that ``NAME[:SETTING=VALUE[,…]]`` says; NAME is registered or ``package.module:Class``.

    Raises:
        UsageError: no such name, setting or value; the message lists what there is.

    >>> defence_named("gaussian:scale=0.5")
    Gaussian(scale=0.5, absolute=None, snr=None)
    """
    name, settings = _parted(spec)
    kind: Callable[..., Defence] = DEFENCES.get(name) or _own(name)
    return parse_settings("--defence", spec, name, settings, kind)


def spelled(spec: str) -> str:
    """The same in one spelling: settings in the order of declaration, defaults left out.

    >>> spelled("dropout:rescale=false,share=.50")
    'dropout:share=0.5'

    Raises:
        UsageError: as `defence_named`.
    """
    name, _ = _parted(spec)
    settings = format_settings(defence_named(spec))
    return f"{name}:{settings}" if settings else name


def defence_hash(spec: str) -> str:
    """Changes with the files that a defence is made of: its trained mechanism, the source of a class of a user's own.
    Empty where it is made of its name and settings alone.

    Raises:
        UsageError: as `defence_named`.
    """
    trained, (name, _) = mechanism_hash(defence_named(spec)), _parted(spec)
    return trained + (extension_hash(name) if name not in DEFENCES else "")


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
        kind = load_extension(name)
    except ExtensionError as error:
        raise UsageError(f"cannot load the defence {error}") from error
    if not (dataclasses.is_dataclass(kind) and all(hasattr(kind, method) for method in _MEMBERS)):
        raise UsageError(
            f"--defence {name}: expected a dataclass that inherits from keyhole.defences.Defence and whose fields are "
            "its settings"
        )
    return kind
