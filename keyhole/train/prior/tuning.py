"""Fine-tuning of Diff-MI's conditional diffusion model through its sampler, by what the target answers (§III-B.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from keyhole.attacks.classes.base import Answer, Wanted
from keyhole.attacks.classes.losses import LossFunction
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.views import ITERATIVE
from keyhole.priors.conditional import ConditionalDenoiser, ConditionalSampler
from keyhole.priors.schedule import Schedule
from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation

LABELS, MIDDLE = "class_embedding", "mid_block"
"""Modules of a UNet2DModel that are fine-tuned."""
VIEWS = replace(ITERATIVE, count=2)


class TuningBatch(NamedTuple):
    """A step's data: noise N×C×h×w and N labels to make of it; the step's number."""

    noise: Tensor
    labels: Tensor
    step: int


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning goes through.

    Attributes:
        schedule: of the noise.
        classes: K.
        shape: of a latent, C×h×w.
        decode: latents to pictures.
        classify: the target.
        loss: of its answers, Eq. 9.
        sampling: steps of the sampler.
        decoded: of these, the last ones whose clean latents are shown to the target. Diff-MI's code shows those of all
            ten steps; the first are blurs that cost as much.
        guidance: of the sampler.
    """

    schedule: Schedule
    classes: int
    shape: tuple[int, ...]
    decode: Callable[[Tensor], Tensor]
    classify: Callable[[Tensor], Answer]
    loss: LossFunction
    sampling: int
    decoded: int
    guidance: float

    def sampler(self, network: nn.Module) -> ConditionalSampler:
        """The sampler of a U-Net."""
        denoiser = ConditionalDenoiser(network, self.schedule, self.classes)
        return ConditionalSampler(denoiser, self.schedule.steps(self.sampling), self.guidance)


class TuningTraining(TrainingPlan):
    """See `TrainingPlan`; Eq. 3 of Diff-MI: E over noise and classes of L_cls(T(D(x_T, y)), y), D the sampler, for all
    classes of the target. The module is the U-Net, of which `trainable` modules alone move.

    Args:
        network: pretrained, changed in place.
        trainable: names of its modules.
        tuned: what the loss is computed through.
        steps, batch, every, optimisation: see `TrainingPlan`.
        look: called after each round with the module.
    """

    def __init__(
        self,
        network: nn.Module,
        trainable: Sequence[str],
        tuned: Tuned,
        *,
        steps: int,
        batch: int,
        every: int,
        optimisation: Optimisation,
        look: Callable[[nn.Module], str],
    ) -> None:
        network.requires_grad_(False)
        for name in trainable:
            network.get_submodule(name).requires_grad_(True)
        self.module = network
        self.steps, self.every, self.optimisation = steps, every, optimisation
        self._tuned, self._batch, self._look = tuned, batch, look

    def batches(self, first: int, last: int) -> Iterator[TuningBatch]:
        for step in range(first, last):
            generator = torch.Generator().manual_seed(self.optimisation.seed * 1_000_003 + step)
            noise = torch.randn(self._batch, *self._tuned.shape, generator=generator)
            labels = torch.randint(self._tuned.classes, (self._batch,), generator=generator)
            yield TuningBatch(noise, labels, step)

    def losses(self, module: nn.Module, batch: TuningBatch) -> Mapping[str, Tensor]:
        tuned, labels = self._tuned, batch.labels
        numbers = batch.step * len(labels) + torch.arange(len(labels))
        random = PictureRandom(Wanted(labels.cpu(), numbers), self.optimisation.seed)
        losses: list[Tensor] = []

        def seen(left: int, clean: Tensor) -> None:
            if left < tuned.decoded:
                views = VIEWS(tuned.decode(clean), random)
                losses.extend(tuned.loss(tuned.classify(view), labels).mean() for view in views)

        tuned.sampler(module)(batch.noise, labels, seen=seen)
        return {"target": torch.stack(losses).mean()}

    def report(self, module: nn.Module, done: Round) -> str:
        seen = self._look(module)
        return f"tuning {done.steps}/{self.steps}  loss {done.losses['target']:.3f}  {seen}  {done.seconds:.0f} s"


def layers_of_the_middle(network: nn.Module) -> tuple[str, ...]:
    """Names of the layers of the middle block: its modules that have weights of their own, 13 in ADM and as many in a
    UNet2DModel, but that queries, keys and values are three layers here."""
    block = network.get_submodule(MIDDLE)
    return tuple(
        f"{MIDDLE}.{name}"
        for name, layer in block.named_modules()
        if next(layer.parameters(recurse=False), None) is not None
    )


def relative_changes(before: nn.Module, after: nn.Module, layers: Sequence[str]) -> dict[str, float]:
    """Δ_l = ‖θ'_l − θ_l‖ / ‖θ_l‖ (§III-B.1, after Li et al. 2020) of each layer, weights and biases together."""
    return {name: _change(before.get_submodule(name), after.get_submodule(name)) for name in layers}


def _change(before: nn.Module, after: nn.Module) -> float:
    old, new = (
        torch.cat([weight.detach().cpu().flatten() for weight in layer.parameters()]) for layer in (before, after)
    )
    return float((new - old).norm() / old.norm().clamp_min(torch.finfo(torch.float32).tiny))


def most_changed(changes: Mapping[str, float], count: int) -> tuple[str, ...]:
    """Names of the layers of the largest changes, the largest first."""
    return tuple(sorted(changes, key=lambda name: (-changes[name], name))[:count])


def unused(_: Any) -> str:
    """A look at a training that shows nothing."""
    return ""
