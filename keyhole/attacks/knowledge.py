"""What an attacker may know. An attack is built from exactly one of these, so that it cannot know more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from keyhole.defences import UNPROTECTED, Defence
from keyhole.nn.device import CPU
from keyhole.priors.prior import Prior, load_prior
from keyhole.sizes import Size


def no_prior() -> Prior:
    """What an attack gets that needs a prior where none was named.

    Raises:
        UsageError: always; says what to give.
    """
    return load_prior(None)


def no_public() -> Iterator[Tensor]:
    """What an attack gets that learns from public pictures where it was given none.

    Raises:
        ValueError: always.
    """
    raise ValueError("this attack learns from public pictures, and was given none")


@dataclass(frozen=True)
class WhiteBox:
    """Knows the head to the last weight, and the defence with its settings: not its random numbers.

    Attributes:
        head: N×3×H×W, normalised, to the features that cross the cut; on the device.
        normalise: RGB pictures in [0, 1] to the head's input.
        size: of the picture in pixels.
        prior: what it knows of pictures; only looked up by attacks that use it.
        public: opens endless RGB pictures in [0, 1], 3×H×W, none of them the victim's; as `prior`.
        defence: what the head's features go through before they leave.
        device: where it computes; what comes in and goes out is on the CPU.
    """

    head: nn.Module
    normalise: Callable[[Tensor], Tensor]
    size: Size
    prior: Callable[[], Prior] = no_prior
    public: Callable[[], Iterator[Tensor]] = no_public
    defence: Defence = UNPROTECTED
    device: torch.device = CPU


class Oracle(Protocol):
    """A device that runs the head, of which only the answers are seen."""

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
    """Knows answers to its own queries, public pictures, a prior and the size of the picture. No head, no weights.

    Attributes:
        oracle: answers queries.
        public: endless RGB pictures in [0, 1], 3×H×W, none of them the victim's.
        size: of the picture in pixels.
        prior: what it knows of pictures; only looked up by attacks that use it.
        device: where it computes; what comes in and goes out is on the CPU.
    """

    oracle: Oracle
    public: Iterator[Tensor]
    size: Size
    prior: Callable[[], Prior] = no_prior
    device: torch.device = CPU


Known = WhiteBox | BlackBox


@dataclass(frozen=True)
class Lab:
    """What the adversary can find out, by kind; each is only looked up when an attack of that kind runs.

    Attributes:
        white: the head.
        black: the oracle and public pictures.
    """

    white: Callable[[], WhiteBox]
    black: Callable[[], BlackBox]
