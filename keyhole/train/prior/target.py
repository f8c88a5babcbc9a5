"""The target that a generator is trained for, as an attacker with its weights has it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from keyhole.attacks.classes.base import ClassWhiteBox
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.data.public_set import shown_names
from keyhole.service.errors import UsageError
from keyhole.sizes import size_text
from keyhole.targets.catalogue import folder_of
from keyhole.targets.load import load_target
from keyhole.targets.target import Target
from keyhole.train.prior.pictures import finite
from keyhole.train.prior.settings import PriorSettings
from keyhole.train.weights import card_of

_BATCH = 64


def opened_target(settings: PriorSettings) -> Target:
    """The target that the flags name, at the pictures' size.

    Raises:
        TargetError: no such target.
        UsageError: it was trained on pictures of another size, or the pictures to learn from show its classes.
    """
    name = str(settings.target)
    card = None if settings.weights else card_of(folder_of(name))
    if card and card.size != settings.size:
        raise UsageError(
            f"--size {settings.size}: {name} takes pictures of {size_text(card.size)} pixels, and an attack on it "
            "needs a generator of the same"
        )
    target = load_target(name, settings.weights, size=settings.size)
    pictures = finite(settings, settings.pool) if target.labels else None
    if pictures and (shared := sorted(shown_names(pictures) & set(target.labels))):
        raise UsageError(
            f"--data {settings.data}: its public pictures show {len(shared)} classes of {name}, such as {shared[0]!r}; "
            "an attacker's pictures must show none"
        )
    return target


def known_target(target: Target, pictures: Tensor, device: torch.device) -> ClassWhiteBox:
    """What an attacker knows of it, with its public pictures.

    Args:
        target: moved to the device.
        pictures: uint8 N×3×H×W.
        device: where it computes.

    Raises:
        UsageError: it does not end in a linear layer of classes.
    """
    classify = OpenClassifier(target.model.to(device), target.preprocess.normalise, target.outputs)
    return ClassWhiteBox(
        target.outputs, target.preprocess.size, lambda: pictures / 255, device=device, classify=classify
    )


@torch.no_grad()
def share_liked(known: ClassWhiteBox, pictures: Tensor, labels: Tensor) -> float:
    """Share of pictures N×3×H×W in [0, 1] that the target takes for their N labels. No success: it is the target's own
    opinion of pictures that learnt to please it."""
    return float((torch.cat(list(_answers(known, pictures))).argmax(dim=1) == labels).double().mean())


def _answers(known: ClassWhiteBox, pictures: Tensor) -> Iterator[Tensor]:
    for part in torch.split(pictures, _BATCH):
        yield known.classify(part.to(known.device)).logits.cpu()
