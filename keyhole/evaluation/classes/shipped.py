"""Classifiers of vehicles that are shipped: whom ``keyhole invert`` attacks, and whom it asks, where no flag says."""

from __future__ import annotations

from dataclasses import replace

from keyhole.data.classes import STREETCAM, VEHICLES, VIEWS
from keyhole.evaluation.classes.settings import HOW_TO_TRAIN, InvertSettings
from keyhole.service.errors import UsageError
from keyhole.targets.catalogue import SHIPPED, Catalogue, ShippedFamily

TARGET, EVALUATOR = "resnet18-16-vehicles", "vgg13-16-vehicles"
_USUAL = InvertSettings()
"""How the pictures of both were divided."""


def with_shipped(settings: InvertSettings) -> InvertSettings:
    """The settings, with the shipped target where they name none, and the shipped evaluation classifier where they name
    none and it learned the target's classes from the same pictures.

    Raises:
        UsageError: no target is named, and private pictures of which the shipped one knows nothing.
        TargetError: no such target.
    """
    if not settings.target and settings.private != STREETCAM:
        raise UsageError(
            f"--private {settings.private}: --target names the classifier to attack; the shipped one, {TARGET}, knows "
            f"vehicles of streetcam alone. {HOW_TO_TRAIN}"
        )
    target = settings.target or TARGET
    evaluator = settings.evaluator or (EVALUATOR if _same_pictures(settings) and _same_classes(target) else None)
    return replace(settings, target=target, evaluator=evaluator)


def _same_pictures(settings: InvertSettings) -> bool:
    told, usual = (
        (one.private, one.part, one.identities or VEHICLES, one.views or VIEWS, one.held_back, one.private_seed)
        for one in (settings, _USUAL)
    )
    return told == usual


def _same_classes(target: str) -> bool:
    entry = Catalogue().find(target)
    labels = entry.family.labels(entry.name) if entry else ()
    return target != EVALUATOR and bool(labels) and set(labels) <= set(ShippedFamily(SHIPPED).labels(EVALUATOR))
