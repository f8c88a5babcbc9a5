"""Finished pictures of classes as PNG files, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.classes.recipe_facts import PREFIX
from keyhole.extensions import label as plain
from keyhole.service.errors import UsageError
from keyhole.service.files import replacing

FACTS, SPENT = "inversion.json", "spent.json"


@dataclass(frozen=True)
class Spent:
    """What making pictures took.

    Attributes:
        pictures: that were made.
        seconds: for all of them.
        asked: pictures that the classifier was asked about for them; for an attack by labels, its queries.
        passes: of a diffusion model's U-Net, for all of them.
    """

    pictures: int = 0
    seconds: float = 0.0
    asked: int = 0
    passes: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(one + more for one, more in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    def each(self, of: str) -> float | None:
        """``seconds``, ``asked`` or ``passes`` of a picture; None where none was made."""
        return float(getattr(self, of)) / self.pictures if self.pictures else None


NOTHING = Spent()


@dataclass(frozen=True)
class ClassLedger:
    """Pictures of one attack: ``FOLDER/CLASS/NUMBER.png``; what made them in ``FOLDER/inversion.json``, and what that
    took in ``FOLDER/spent.json``.

    Attributes:
        folder: of the attack.
        names: of all classes.
    """

    folder: Path
    names: tuple[str, ...]
    _temporary: TemporaryDirectory[str] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, out: Path | None, attack: str, facts: Mapping[str, object], names: tuple[str, ...]) -> ClassLedger:
        """The ledger of an attack.

        Args:
            out: folder of the run; None: one that goes when the process ends.
            attack: name of the attack's folder in it.
            facts: all that a picture depends on beside its class and number.
            names: of all classes.

        Raises:
            UsageError: the pictures there were made otherwise.
        """
        if out is None:
            temporary = TemporaryDirectory()
            return cls(Path(temporary.name), names, temporary)
        folder, text = out / attack, json.dumps(facts, indent=1, sort_keys=True, default=str)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / FACTS
        if not kept.is_file():
            kept.write_text(text + "\n", encoding="utf-8")
        elif other := _differing(kept, json.loads(text)):
            raise UsageError(
                f"{folder} holds pictures that were made otherwise ({', '.join(other)}): name another --out"
            )
        return cls(folder, names)

    def has(self, label: int, number: int) -> bool:
        """Whether the picture is there."""
        return self.path(label, number).is_file()

    def keep(self, label: int, number: int, picture: Tensor) -> None:
        """Store a picture 3×H×W in [0, 1]."""
        path = self.path(label, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
        with replacing(path) as unfinished:
            transform.to_pil_image(levels).save(unfinished, format="PNG")

    def read(self, label: int, number: int) -> Tensor:
        """The stored picture, 3×H×W in [0, 1].

        Raises:
            UsageError: it cannot be read.
        """
        path = self.path(label, number)
        try:
            with Image.open(path) as picture:
                pixels: Tensor = transform.pil_to_tensor(picture.convert("RGB"))
        except OSError as error:
            raise UsageError(f"{path} is damaged ({error}): remove it, and it is made again") from error
        return pixels.float() / 255

    def spent(self) -> Spent:
        """What this run and earlier ones spent; nothing where none has told.

        Raises:
            UsageError: the file is damaged.
        """
        path = self.folder / SPENT
        if not path.is_file():
            return NOTHING
        try:
            return Spent(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"{path} is damaged ({error}): remove it, and no cost of earlier runs is told") from error

    def spend(self, more: Spent) -> None:
        """Add to what was spent."""
        with replacing(self.folder / SPENT) as unfinished:
            unfinished.write_text(json.dumps(asdict(self.spent() + more)) + "\n", encoding="utf-8")

    def path(self, label: int, number: int) -> Path:
        """Where the picture is: the class by its number and its name."""
        return self.folder / f"{label:04d}-{plain(self.names[label])}" / f"{number}.png"


def _differing(kept: Path, facts: Mapping[str, object]) -> list[str]:
    """Names of the facts that are not those of the file, with both values. A file without hyper-parameters is of an
    earlier version, which kept none: they are not compared."""
    try:
        old = dict(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{kept} cannot be read ({error}): name another --out") from error
    told = any(name.startswith(PREFIX) for name in old)
    names = sorted(old.keys() | {name for name in facts if told or not name.startswith(PREFIX)})
    return [f"{name} {old.get(name)}, now {facts.get(name)}" for name in names if old.get(name) != facts.get(name)]
