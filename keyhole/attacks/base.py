"""Contracts of attacks: knowledge, observations, budgets, run settings and estimates.

An attack is built from a `WhiteBox`, a `BlackBox` or a `Blind` and nothing else, so it cannot know more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor, nn

from keyhole.attacks.blind_knowledge import Blind
from keyhole.attacks.cloud_side import CloudSide, no_cloud
from keyhole.attacks.missing import no_captions, no_clips, no_prior, no_public
from keyhole.defences import UNPROTECTED, Defence
from keyhole.nn.device import CPU
from keyhole.priors.prior import Prior
from keyhole.sizes import Size

if TYPE_CHECKING:
    from keyhole.attacks.features.learner import TrainedNetwork
    from keyhole.attacks.features.trained_recipe import TrainedRecipe

Knowledge = Literal["white box", "black box", "blind"]


@dataclass(frozen=True)
class WhiteBox:
    """White-box knowledge: the head with all its weights, and the defence with its settings but not its random numbers.

    Attributes:
        head: N×3×H×W, normalised, to the features that cross the cut; on the device.
        normalise: RGB pictures in [0, 1] to the head's input.
        size: of the picture in pixels.
        prior: loads what it knows of pictures; called only by attacks that use it.
        public: opens endless RGB pictures in [0, 1], 3×H×W, none of them the victim's; called like `prior`.
        defence: what the head's features go through before they leave.
        device: where it computes; what comes in and goes out is on the CPU.
        described: opens those of the public pictures that have captions, with them.
    """

    head: nn.Module
    normalise: Callable[[Tensor], Tensor]
    size: Size
    prior: Callable[[], Prior] = no_prior
    public: Callable[[], Iterator[Tensor]] = no_public
    defence: Defence = UNPROTECTED
    device: torch.device = CPU
    described: Callable[[], Iterator[tuple[Tensor, str]]] = no_captions


class Oracle(Protocol):
    """A device that runs the head and shows its answers alone."""

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Features of RGB pictures in [0, 1], N×3×H×W: the live tensors of the cut, N×… each.

        Raises:
            OracleAwayError: no answer now; ask again later.
            OracleSpentError: it answers no more.
        """
        ...


class OracleAwayError(RuntimeError):
    """The oracle does not answer at the moment."""


class OracleSpentError(RuntimeError):
    """The oracle's budget of queries is used up, or it refuses these queries for good."""


@dataclass(frozen=True)
class BlackBox:
    """Black-box knowledge: an oracle's answers, public pictures, a prior and the picture's size; no head, no weights.

    Attributes:
        oracle: answers queries.
        public: endless RGB pictures in [0, 1], 3×H×W, none of them the victim's.
        size: of the picture in pixels.
        prior: loads what it knows of pictures; called only by attacks that use it.
        device: where it computes; what comes in and goes out is on the CPU.
        clips: opens endless public clips of so many frames, K×3×H×W, none of them the victim's.
        described: opens public pictures that have captions, with them.
    """

    oracle: Oracle
    public: Iterator[Tensor]
    size: Size
    prior: Callable[[], Prior] = no_prior
    device: torch.device = CPU
    clips: Callable[[int], Iterator[Tensor]] = no_clips
    described: Callable[[], Iterator[tuple[Tensor, str]]] = no_captions


Known = WhiteBox | BlackBox


@dataclass(frozen=True)
class Access:
    """What an adversary has access to, by kind of attack; each is only looked up when an attack of that kind runs.

    Attributes:
        white: the head.
        black: the oracle and public pictures.
        blind: public pictures and the prior, the same object each time.
        cloud: the cloud's half of the model, and no answers of the head.
    """

    white: Callable[[], WhiteBox]
    black: Callable[[], BlackBox]
    blind: Callable[[], Blind]
    cloud: Callable[[], CloudSide] = no_cloud


class MismatchError(ValueError):
    """A frame does not come from the head that the attack is for."""


@dataclass(frozen=True)
class Observation:
    """What an attack sees of one picture: the frame, decoded.

    Attributes:
        frame_id: its name.
        tensors: the live tensors of the cut in the plan's order, each with a batch of one.
    """

    frame_id: str
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class Budget:
    """What one call of ``reconstruct`` may spend; the limit that is reached first counts.

    Attributes:
        iterations: steps of the optimiser.
        seconds: wall-clock time.
    """

    iterations: int
    seconds: float = math.inf

    def __post_init__(self) -> None:
        if self.iterations < 1 or not self.seconds > 0:
            raise ValueError(f"{self}: expected at least one iteration and more than 0 seconds")

    def progress(self, iterations: int, seconds: float) -> float:
        """Share that is spent, 0 … 1. Schedules follow it, so an attack that the clock stops has cooled down.

        >>> Budget(iterations=100, seconds=10.0).progress(20, 5.0)
        0.5
        """
        return min(1.0, max(iterations / self.iterations, seconds / self.seconds))


@dataclass(frozen=True)
class Watch:
    """Callbacks for progress, and the clock that an attack goes by.

    Attributes:
        interval: seconds between estimates; 0 for one per iteration.
        stepped: called after every iteration.
        noted: called with the loss of every iteration, the mean over the pictures.
        clock: seconds, monotonic.
    """

    interval: float = 1.0
    stepped: Callable[[], object] = lambda: None
    noted: Callable[[float], object] = lambda _: None
    clock: Callable[[], float] = time.perf_counter


UNWATCHED = Watch()


@dataclass(frozen=True)
class RunSettings:
    """How an attack is run, whichever it is.

    Attributes:
        budget: of one frame.
        seed: of all random choices.
        watch: what is told on the way.
        threads: of one tensor operation.
        training: steps after which a network stops learning, before the first frame; None: it goes on.
        sampling_steps: of a diffusion; None: the recipe's.
        queries: pictures that an attack that learns asks the oracle about; None: the recipe's.
        patience: iterations of an optimiser without better features, after which it stops; None: the recipe's.
        smoothing: λ of a filter of finished pictures; None: the recipe's.
        clip: consecutive observations that are frames of one clip; 1: no two of them belong together.
        trained: finds a network that was trained before by a recipe; None: there is none.
        texts: what the frames may show, of which each is tried where there are several.
    """

    budget: Budget
    seed: int = 0
    watch: Watch = UNWATCHED
    threads: int = 1
    training: int | None = None
    sampling_steps: int | None = None
    queries: int | None = None
    patience: int | None = None
    smoothing: float | None = None
    clip: int = 1
    trained: Callable[[TrainedRecipe], TrainedNetwork | None] = lambda _: None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """The pictures as the attack has them so far.

    Attributes:
        pictures: RGB in [0, 1], N×3×H×W, one per frame in the order given.
        iteration: optimiser steps behind them; for a learned attack, training steps of its network.
        seconds: spent on these frames so far.
        loss: the attack's own objective, which it can know; not the distance to the truth.
        final: nothing better follows.
        passes: U-Net passes spent on each picture so far, those for showing it included.
        queries: pictures that an oracle was asked about for the network behind them.
        trained_before: whether that network was trained before the attack began.
        texts: for each picture which of several texts was kept; empty where there were none to choose from.

    Raises:
        ValueError: the pictures have another form, or a value that is not finite.
    """

    pictures: Tensor
    iteration: int
    seconds: float
    loss: float
    final: bool
    passes: int = 0
    queries: int = 0
    trained_before: bool = False
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(self.pictures.shape)
        if len(shape) != 4 or shape[1] != 3 or not self.pictures.is_floating_point():
            raise ValueError(f"an estimate's pictures are N×3×H×W in [0, 1], not {shape} of {self.pictures.dtype}")
        if not self.pictures.isfinite().all():
            raise ValueError("an estimate's pictures have values that are not finite")


class Attack(Protocol):
    """Reconstructs pictures from frames."""

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """Better and better estimates of the frames' pictures; the last one is final. May be abandoned at any time.

        Raises:
            MismatchError: the frames do not come from the head that the attack is for.
        """
        ...


def stacked(frames: Sequence[Observation]) -> tuple[Tensor, ...]:
    """The frames' tensors along the batch dimension, as float32.

    Raises:
        MismatchError: the frames' shapes differ, or there is none.
    """
    shapes = {tuple(tensor.shape for tensor in frame.tensors) for frame in frames}
    if len(shapes) != 1:
        raise MismatchError(f"expected frames of one cut, got {len(shapes)} different shapes")
    return tuple(torch.cat(parts).float() for parts in zip(*(frame.tensors for frame in frames), strict=True))
