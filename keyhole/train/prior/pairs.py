"""``keyhole train prior --kind gan``, ``inversion-gan`` and ``cgan``: adversarial pairs, from pictures to a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from keyhole.attacks.classes.base import ClassWhiteBox
from keyhole.attacks.classes.losses import MaxMargin
from keyhole.nn.conditional_gan import ConditionalGenerator, ProjectionDiscriminator
from keyhole.nn.gan import GanCritic, GanGenerator, doublings
from keyhole.priors.gan import NETWORKS, save_gan
from keyhole.priors.trained import GeneratorCard
from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, alone
from keyhole.targets.stored_weights import this_command
from keyhole.targets.target import Target
from keyhole.terminal import terminal
from keyhole.train.loop import run_plan
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior.adversarial import AdversarialLosses, AdversarialPair, PairTraining
from keyhole.train.prior.card import write_generator_card
from keyhole.train.prior.conditional_gan import ConditionalLosses
from keyhole.train.prior.figures import COLUMNS, write_sheet
from keyhole.train.prior.inversion_gan import InversionLosses
from keyhole.train.prior.pictures import count_weights, facts_of, learned_from, recipe_of
from keyhole.train.prior.pseudo_labels import first_of_each, pseudo_labels
from keyhole.train.prior.settings import PriorSettings
from keyhole.train.prior.target import known_target, opened_target, share_liked
from keyhole.train.prior.wasserstein import WassersteinLosses

_SAMPLED = 128
_BATCH = 32


@dataclass(frozen=True)
class PairSizes:
    """Sizes of a pair, from the flags and its kind.

    Attributes:
        latent: numbers in z.
        width, critic_width: channels next to the picture.
        classes: K; 0 without a target.
    """

    latent: int
    width: int
    critic_width: int
    classes: int


@dataclass(frozen=True)
class PairKind:
    """How a kind of pair is made and trained.

    Attributes:
        latent, width, steps, critic_steps: what its flags are where they are absent.
        betas: of Adam.
        make: networks of random weights.
        losses: of the two, from the flags and what is known of the target.
        labelled: whether it takes classes, and learns from pseudo-labels.
    """

    latent: int
    width: int
    steps: int
    critic_steps: int
    betas: tuple[float, float]
    make: Callable[[PriorSettings, PairSizes], AdversarialPair]
    losses: Callable[[PriorSettings, ClassWhiteBox | None], AdversarialLosses]
    labelled: bool = False

    def sizes(self, settings: PriorSettings, classes: int) -> PairSizes:
        """The sizes that the flags ask for."""
        width = settings.gan_width or self.width
        return PairSizes(settings.z or self.latent, width, settings.critic_width or width, classes)


def _plain(settings: PriorSettings, sizes: PairSizes) -> AdversarialPair:
    return AdversarialPair(
        GanGenerator(sizes.latent, settings.size, sizes.width),
        GanCritic(settings.size, sizes.critic_width, max(1, sizes.classes)),
    )


def _conditional(settings: PriorSettings, sizes: PairSizes) -> AdversarialPair:
    return AdversarialPair(
        ConditionalGenerator(sizes.latent, settings.size, sizes.width, sizes.classes),
        ProjectionDiscriminator(settings.size, sizes.critic_width, sizes.classes),
    )


def _wasserstein(_settings: PriorSettings, _known: ClassWhiteBox | None) -> AdversarialLosses:
    return WassersteinLosses()


def _inversion(_settings: PriorSettings, known: ClassWhiteBox | None) -> AdversarialLosses:
    return InversionLosses(cast(ClassWhiteBox, known).public_answers.logits.softmax(dim=1))


def _hinge(settings: PriorSettings, known: ClassWhiteBox | None) -> AdversarialLosses:
    target = cast(ClassWhiteBox, known)
    return ConditionalLosses(target.classify, MaxMargin().ready(target), settings.alpha, settings.seed)


PAIRS: Mapping[str, PairKind] = MappingProxyType(
    {
        "gan": PairKind(100, 32, 2000, 5, (0.5, 0.999), _plain, _wasserstein),
        "inversion-gan": PairKind(100, 32, 3000, 4, (0.5, 0.999), _plain, _inversion),
        "cgan": PairKind(128, 16, 2000, 2, (0.0, 0.9), _conditional, _hinge, labelled=True),
    }
)
"""By name; sizes as in the papers but for the widths (64 there) and the steps of PLG-MI's critic (5 there), so that a
training takes about an hour of one core."""


def steps_of(settings: PriorSettings) -> dict[str, int]:
    """Steps of the generator, and of the critic before each of them, by flag."""
    kind = PAIRS[settings.kind]
    usual = {"gan_steps": kind.steps, "critic_steps": kind.critic_steps}
    return {flag: getattr(settings, flag) or steps for flag, steps in usual.items()}


def pair(settings: PriorSettings) -> int:
    """Train a pair, store it, measure what is stored, write the card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: no such target, or a size that no generator of this kind makes.
        ValueError: damaged data.
    """
    kind, console, work = PAIRS[settings.kind], terminal(), settings.out / "training"
    steps = steps_of(settings)
    _check_side(settings)
    with alone(settings.out, TRAINING):
        target = opened_target(settings) if settings.target else None
        pictures = learned_from(settings, work, console)
        console.print(f"{len(pictures)} pictures of {settings.data}, pool {settings.pool}, {settings.size} px")
        device = Accelerator(mixed_precision=settings.precision).device
        known = known_target(target, pictures, device) if target else None
        sizes = kind.sizes(settings, known.classes if known else 0)
        labels = pseudo_labels(known, settings.top_n, settings.liked_by) if known and kind.labelled else None
        look = PairLook(settings, pictures, labels, sizes.latent, known)

        set_seed(settings.seed)
        plan = PairTraining(
            kind.make(settings, sizes),
            pictures,
            labels,
            kind.losses(settings, known),
            latent=sizes.latent,
            steps=steps["gan_steps"],
            critic_steps=steps["critic_steps"],
            batch=settings.gan_batch,
            every=settings.every,
            optimisation=Optimisation(
                settings.gan_learning_rate,
                ema=settings.gan_ema,
                seed=settings.seed,
                precision=settings.precision,
                betas=kind.betas,
                schedule="constant",
            ),
            look=look,
        )
        settled = dataclasses.replace(settings, gan_steps=steps["gan_steps"], critic_steps=steps["critic_steps"])
        plan.facts = facts_of(settled, "pair", target.hash if target else "")
        trained = cast(AdversarialPair, run_plan(plan, work / "pair"))
        stored = trained.critic if NETWORKS[settings.kind][1] else None
        save_gan(trained.generator, stored, settings.out)
        card = _card(settings, sizes, target, trained, look)
        write_generator_card(card, settings.out)
        console.print(dict(card.figures))
        console.print(f"the generator is in {settings.out}: keyhole invert --generators {settings.out}", soft_wrap=True)
        return 0


class PairLook:
    """Looks at a generator in training: draws public pictures and made ones, and says how various these are.

    Args:
        settings: of the training.
        pictures: uint8 N×3×H×W.
        labels: pseudo-labels; None: the generator takes no classes.
        latent: numbers in z.
        known: the target, if there is one.
    """

    def __init__(
        self,
        settings: PriorSettings,
        pictures: Tensor,
        labels: Tensor | None,
        latent: int,
        known: ClassWhiteBox | None,
    ) -> None:
        random = torch.Generator().manual_seed(settings.seed)
        self._out, self._known = settings.out, known
        self._z = torch.randn(_SAMPLED, latent, generator=random)
        self._labels = None if labels is None or known is None else torch.arange(_SAMPLED) % known.classes
        shown = torch.randint(len(pictures), (_SAMPLED,), generator=random)
        self._spread = (pictures[shown] / 255).std(dim=0).mean()
        first = shown[:COLUMNS] if labels is None else first_of_each(labels)[:COLUMNS]
        self._shown = pictures[first] / 255

    @torch.no_grad()
    def figures(self, generator: nn.Module) -> dict[str, float]:
        """`spread`, the deviation of made pictures over that of public ones, pixel by pixel: 0 where all are the same.
        ``liked``, the share that the target takes for the class that they were made for."""
        made = self._made(generator)
        figures = {"spread": float(made.std(dim=0).mean() / self._spread)}
        if self._known and self._labels is not None:
            figures["liked"] = share_liked(self._known, made, self._labels)
        return figures

    def __call__(self, generator: nn.Module) -> str:
        """The figures in a few words; the sheet is drawn."""
        figures = self.figures(generator)
        write_sheet(self._out, self._shown, self._made(generator)[: 2 * COLUMNS])
        return "  ".join(f"{name} {value:.2f}" for name, value in figures.items())

    @torch.no_grad()
    def _made(self, generator: nn.Module) -> Tensor:
        generator.eval()
        device = next(generator.parameters()).device
        given = [self._z] if self._labels is None else [self._z, self._labels]
        parts = zip(*(torch.split(whole.to(device), _BATCH) for whole in given), strict=True)
        return torch.cat([generator(*part).float().cpu() for part in parts])


def _card(
    settings: PriorSettings, sizes: PairSizes, target: Target | None, trained: AdversarialPair, look: PairLook
) -> GeneratorCard:
    look(trained.generator)
    networks = {"generator": trained.generator, "critic": trained.critic}
    return GeneratorCard(
        name=settings.out.name,
        kind=settings.kind,
        data=f"{settings.data}, pool {settings.pool}",
        licence=settings.licence,
        recipe={**recipe_of(settings), **steps_of(settings)},
        seed=settings.seed,
        figures={name: round(value, 4) for name, value in look.figures(trained.generator).items()},
        network=_network(sizes),
        parameters={name: count_weights(network) for name, network in networks.items()},
        command=this_command(),
        size=settings.size,
        latent=(sizes.latent,),
        classes=sizes.classes,
        target=target.name if target else "",
        target_hash=target.hash if target else "",
    )


def _network(sizes: PairSizes) -> dict[str, Any]:
    facts = dataclasses.asdict(sizes)
    return {name: facts[name] for name in ("width", "critic_width")}


def _check_side(settings: PriorSettings) -> None:
    try:
        doublings(settings.size)
    except ValueError as error:
        raise UsageError(f"--size {settings.size}: {error}") from error
