"""Adversarial pairs from their folders: a generator, and the critic where the attack asks it too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from keyhole.nn.conditional_gan import ConditionalGenerator
from keyhole.nn.device import CPU
from keyhole.nn.gan import GanCritic, GanGenerator
from keyhole.priors.trained import GeneratorCard, load_half, save_half

GENERATOR, CRITIC = "generator", "critic"
Network = Callable[[GeneratorCard], nn.Module]


@dataclass(frozen=True)
class TrainedGan:
    """A trained pair.

    Attributes:
        card: what is known about it.
        generator: z, N×latent, and of kind ``cgan`` labels N, to pictures in [0, 1].
        critic: pictures to a score (``gan``) or K logits (``inversion-gan``); None: of kind ``cgan``, whose attack has
            no use for it.
    """

    card: GeneratorCard
    generator: nn.Module
    critic: nn.Module | None = None

    @property
    def latent(self) -> int:
        """Numbers in z."""
        return self.card.latent[0]


def load_gan(folder: Path, *kinds: str, device: torch.device = CPU) -> TrainedGan:
    """The pair in a folder.

    Args:
        folder: that `keyhole train prior` wrote.
        kinds: of pairs that will do.
        device: where it computes.

    Raises:
        UsageError: none there, of another kind, or weights that do not fit.
    """
    card = GeneratorCard.read(folder, *kinds)
    generator, critic = NETWORKS[card.kind]
    return TrainedGan(
        card,
        load_half(generator(card), folder, GENERATOR, device),
        load_half(critic(card), folder, CRITIC, device) if critic else None,
    )


def save_gan(generator: nn.Module, critic: nn.Module | None, folder: Path) -> None:
    """Write a pair in half precision; its own weights become those."""
    save_half(generator, folder, GENERATOR)
    if critic is not None:
        save_half(critic, folder, CRITIC)


def _plain(card: GeneratorCard) -> nn.Module:
    return GanGenerator(card.latent[0], card.size, int(card.network["width"]))


def _conditional(card: GeneratorCard) -> nn.Module:
    return ConditionalGenerator(card.latent[0], card.size, int(card.network["width"]), card.classes)


def _scorer(card: GeneratorCard) -> nn.Module:
    return GanCritic(card.size, int(card.network["critic_width"]))


def _classifier(card: GeneratorCard) -> nn.Module:
    return GanCritic(card.size, int(card.network["critic_width"]), card.classes)


NETWORKS: Mapping[str, tuple[Network, Network | None]] = MappingProxyType(
    {"gan": (_plain, _scorer), "inversion-gan": (_plain, _classifier), "cgan": (_conditional, None)}
)
"""Generator and critic of a card, with random weights, by kind; the critic that is stored with it."""
