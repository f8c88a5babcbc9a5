"""Trainings of generators on a tiny world of classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torchvision.utils import save_image

from keyhole.targets.target import Preprocess, Target
from keyhole.train.prior.settings import PriorSettings
from tests.attacks.tiny_classes import CLASSES, SIDE, public, trained

TARGET = "tests.train.generator_making:target"


def target() -> Target:
    """The tiny classifier as a target, which takes pictures in [0, 1] as they are."""
    preprocess = Preprocess(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Target("tiny", trained(), preprocess, (), CLASSES, "Apache-2.0", "here")


def other_target() -> Target:
    """The tiny classifier with other weights."""
    found = target()
    with torch.no_grad():
        next(found.model.parameters()).mul_(1.5)
    return found


def target_of_a_person() -> Target:
    """The tiny classifier, one of whose classes the public pictures of `settings` show."""
    return replace(target(), labels=("person-9", *map(str, range(1, CLASSES))))


def settings(root: Path, kind: str, out: str = "out", **flags: object) -> PriorSettings:
    """Flags of a training of seconds on 48 public pictures."""
    data = root / "pictures"
    if not data.exists():
        for number, picture in enumerate(public(72)):
            path = data / f"person-{number % 12}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(picture, path)
    given = {"target": None if kind in ("gan", "diffusion") else TARGET, "audit": 8, "workers": 0, "every": 4}
    small = {"gan_width": 8, "gan_batch": 8, "gan_steps": 3, "top_n": 5}
    return PriorSettings(  # type: ignore[arg-type]
        **{"kind": kind, "data": str(data), "out": root / out, "size": SIDE, **given, **small, **flags}
    )
