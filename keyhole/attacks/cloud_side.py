"""Knowledge of an attacker who is the cloud and can ask no head anything: He, Zhang and Lee (ACSAC 2019, §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keyhole.defences import UNPROTECTED, Defence
from keyhole.nn.device import CPU
from keyhole.service.errors import UsageError
from keyhole.sizes import Size


@dataclass(frozen=True)
class CloudSide:
    """The cloud's own half, the head's architecture without its weights, and labelled public pictures; no oracle.

    Attributes:
        shadow: an untrained head of the victim's architecture, by a seed.
        tail: what crosses the cut to logits N×K; its weights stay as they are.
        normalise: RGB pictures in [0, 1] to the head's input.
        size: of the picture in pixels.
        labelled: opens endless public pictures, RGB 3×H×W in [0, 1], each with which of the K classes it shows; raises
            UsageError where there are none.
        defence: what the head's features go through before they leave.
        device: where it computes; what comes in and goes out is on the CPU.
    """

    shadow: Callable[[int], nn.Module]
    tail: nn.Module
    normalise: Callable[[Tensor], Tensor]
    size: Size
    labelled: Callable[[], Iterator[tuple[Tensor, int]]]
    defence: Defence = UNPROTECTED
    device: torch.device = CPU


def no_cloud() -> CloudSide:
    """What an attacker has who is not the cloud.

    Raises:
        UsageError: always.
    """
    raise UsageError("query-free attacks with the cloud's half of the model, and there is none here")
