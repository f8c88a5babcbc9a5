"""The black-box attack on the frames of a clip together (§5.2 and Eq. 13 of the feature-inversion paper)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from keyhole.attacks.base import BlackBox, MismatchError, Observation, Oracle, RunSettings, stacked
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.features.training import InversionTraining
from keyhole.attacks.features.training_losses import TrainingLoss
from keyhole.generators.base import Generator
from keyhole.nn.clip_network import ClipNetwork, FrameNetwork, in_clips, mixing_parameters
from keyhole.nn.payload import MapLayout, PayloadNetwork, Shape
from keyhole.nn.unet import PARAMETERS, InversionUNet

ClipNetworks = Callable[[Sequence[Shape], Shape, FrameNetwork], PayloadNetwork]
"""A network of clips, from the shapes of payload and output, K×… each, and the network of single frames."""


def mixed(shapes: Sequence[Shape], output: Shape, network: FrameNetwork) -> ClipNetwork:
    """The network of Fig. 9."""
    return ClipNetwork(shapes, output, network)


def apart(shapes: Sequence[Shape], output: Shape, _network: FrameNetwork) -> ClipNetwork:
    """§7.5's baseline without the 1×1 convolution: frames do not meet. The U-Net has as many more weights.

    The paper adjusts "the structure of the DNN so that the total amount of parameters are the same"; here its channels
    are wider.
    """
    frames, channels = output[0], MapLayout(tuple(shape[1:] for shape in shapes), (output[-2], output[-1])).channels
    parameters = PARAMETERS + mixing_parameters(channels, frames)
    return ClipNetwork(shapes, output, partial(InversionUNet, parameters=parameters), mixed=False)


@dataclass(frozen=True)
class ClipOracle:
    """An oracle that is asked about clips.

    Attributes:
        oracle: of single pictures.
    """

    oracle: Oracle

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Features of clips N×K×3×H×W: the live tensors of the cut, N×K×… each; see `Oracle`."""
        answers = self.oracle.query(pictures.flatten(0, 1))
        return tuple(in_clips(tensor, pictures.shape[1]) for tensor in answers)


@dataclass(frozen=True)
class ClipGenerator:
    """A generator whose variable is that of each frame of a clip.

    Attributes:
        generator: of single pictures.
        frames: K.
    """

    generator: Generator
    frames: int

    @property
    def passes(self) -> int:
        """U-Net passes for each picture."""
        return self.generator.passes

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """Variables of ``count`` clips, count×K×…."""
        return in_clips(self.generator.start(count * self.frames, random), self.frames)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures of all frames one after another, (N·K)×3×H×W, of variables N×K×…."""
        return self.generator(variable.flatten(0, 1))


@dataclass(frozen=True)
class ClipLoss:
    """The loss of a clip, the mean over its frames: Eq. 13 adds them up, which is the same minimum and K times the
    gradient.

    Attributes:
        loss: of single pictures.
    """

    loss: TrainingLoss

    @property
    def levels(self) -> bool:
        """See `TrainingLoss`."""
        return self.loss.levels

    @property
    def passes(self) -> int:
        """U-Net passes for each picture of a step."""
        return self.loss.passes

    def target(self, pictures: Tensor) -> Tensor:
        """What is kept of clips N×K×3×H×W in [0, 1]; N×K×…."""
        return in_clips(self.loss.target(pictures.flatten(0, 1)), pictures.shape[1])

    def losses(self, variable: Tensor, target: Tensor) -> Tensor:
        """One number per clip, from variables and targets N×K×…."""
        losses = self.loss.losses(variable.flatten(0, 1), target.flatten(0, 1))
        return in_clips(losses, variable.shape[1]).mean(1)


def as_clips(frames: Sequence[Observation], length: int) -> list[Observation]:
    """Each clip, of consecutive frames, as one observation, whose tensors are 1×K×….

    Raises:
        MismatchError: no whole number of clips.
    """
    if len(frames) % length:
        raise MismatchError(f"{len(frames)} frames are no whole number of clips of {length}")
    clips = (frames[at : at + length] for at in range(0, len(frames), length))
    return [Observation(clip[0].frame_id, tuple(tensor[None] for tensor in stacked(clip))) for clip in clips]


@dataclass(frozen=True)
class ClipTrainedRecipe(TrainedRecipe):
    """A recipe whose network takes the frames of a clip together.

    A step, a query and the first answers hold as many frames as those of the recipe of single frames: with K = 4,
    recipe `paper` learns from 1,024 clips, as §7.5 does. That section gives no batch size; 128 frames are in one.

    Attributes:
        networks: of clips, from the training's of single frames.
    """

    networks: ClipNetworks = mixed

    @classmethod
    def of(cls, recipe: TrainedRecipe, networks: ClipNetworks = mixed) -> ClipTrainedRecipe:
        """A recipe of single frames, for clips."""
        return cls(recipe.training, recipe.generator, recipe.samples, networks=networks)

    def make(self, known: BlackBox, run: RunSettings) -> BlackBoxAttack:
        """The network and its training."""
        single, frames = self.training.limited(run.queries), run.clip
        generator = self.generator(known, run.sampling_steps or single.sampling_steps)
        return BlackBoxAttack(
            dataclasses.replace(known, oracle=ClipOracle(known.oracle), public=known.clips(frames)),
            self._of_clips(single, frames),
            ClipGenerator(generator, frames),
            run.seed,
            run.training,
            stepped=run.watch.stepped,
            noted=run.watch.noted,
            threads=run.threads,
            grouped=partial(as_clips, length=frames),
        )

    def _of_clips(self, single: InversionTraining, frames: int) -> InversionTraining:
        def shared(count: int) -> int:
            return max(1, count // frames)

        return dataclasses.replace(
            single,
            network=lambda shapes, output: self.networks(shapes, output, single.network),
            loss=partial(_clip_loss, single.loss),
            first=shared(single.first),
            query=shared(single.query),
            batch=shared(single.batch),
            limit=None if single.limit is None else shared(single.limit),
        )


def _clip_loss(loss: Callable[[Generator], TrainingLoss], generator: Generator) -> ClipLoss:
    if not isinstance(generator, ClipGenerator):
        raise TypeError(f"{type(generator).__name__} makes no clips")
    return ClipLoss(loss(generator.generator))
