"""Defences by name: one file each, one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyhole.defences.channel_filter import CHANNEL_FILTER, ChannelFilter
from keyhole.defences.defence import Defence
from keyhole.defences.dropout import Dropout
from keyhole.defences.gaussian import Gaussian
from keyhole.defences.int8 import Int8
from keyhole.defences.laplace import Laplace
from keyhole.defences.learned_noise import LEARNED_NOISE, LearnedNoise
from keyhole.defences.none import NoDefence
from keyhole.defences.topk import TopK

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

_METHOD = "--target defended:FOLDER, which `keyhole train defence` wrote; its last line says which --defence to add"
_PRUNED = "--target resnet18-streetcam-patrol (…-low, …-small), or pruned:FOLDER, which `keyhole train patrol` wrote"
TRAINED: Mapping[str, str] = MappingProxyType(
    {
        "patrol": _PRUNED,
        **dict.fromkeys(("nopeek", "app", "disco", "shredder", "noise-aware", "skip"), _METHOD),
    }
)
"""Defences that are no step of a frame, by name: how they are asked for."""
