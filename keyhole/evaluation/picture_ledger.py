"""Reconstructions kept as files, so that a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.evaluation.spent_training import SpentTraining
from keyhole.service.files import OFFLINE, claim, replacing

_PASSES = "U-Net passes"  # of a picture, in its PNG
_PREPARATION = "preparation.json"


@dataclass
class PictureLedger:
    """Reconstructions as PNG files in a folder named after what made them.

    Attributes:
        folder: where; created when needed.
    """

    folder: Path
    _temporary: TemporaryDirectory[str] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, out: Path | None, description: dict[str, object]) -> PictureLedger:
        """The ledger of a run.

        Args:
            out: folder for many runs; None: a temporary one.
            description: every fact that a reconstruction depends on.

        Raises:
            UsageError: the folder holds something else.
        """
        if out is None:
            temporary = TemporaryDirectory()
            return cls(Path(temporary.name), temporary)
        text = json.dumps(description, sort_keys=True, default=str)
        claim(out, OFFLINE)
        folder = out / hashlib.sha256(text.encode()).hexdigest()[:12]
        folder.mkdir(exist_ok=True)
        (folder / "run.json").write_text(text + "\n")
        return cls(folder)

    def has(self, cut: str, index: int) -> bool:
        """Whether the picture is there, reconstructed from that cut."""
        return self._path(cut, index).exists()

    def keep(self, cut: str, index: int, picture: Tensor, passes: int = 0) -> None:
        """Store a picture 3×H×W in [0, 1] with the U-Net passes that it took."""
        path = self._path(cut, index)
        path.parent.mkdir(exist_ok=True)
        levels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
        facts = PngInfo()
        facts.add_text(_PASSES, str(passes))
        with replacing(path) as unfinished:
            transform.to_pil_image(levels).save(unfinished, format="PNG", pnginfo=facts)

    def read(self, cut: str, index: int) -> Tensor:
        """The stored picture, 3×H×W in [0, 1]."""
        with Image.open(self._path(cut, index)) as picture:
            tensor: Tensor = transform.pil_to_tensor(picture.convert("RGB"))
        return tensor.float() / 255

    def passes(self, cut: str, index: int) -> int:
        """U-Net passes that the stored picture took."""
        with Image.open(self._path(cut, index)) as picture:
            return int(picture.info.get(_PASSES, 0))

    def keep_losses(self, cut: str, first: int, losses: Sequence[float]) -> None:
        """Store the loss by step of the batch whose first picture is ``first``, or of a training before it."""
        if losses:
            (self.folder / cut / f"{first:04d}.loss.json").write_text(json.dumps(list(losses)))

    def keep_preparation(self, cut: str, spent: SpentTraining) -> None:
        """Store what the training before the first picture took."""
        path = self.folder / cut / _PREPARATION
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(spent)))

    def preparation(self, cut: str) -> SpentTraining | None:
        """What is stored of it; None: there was none, or an earlier version made the pictures."""
        path = self.folder / cut / _PREPARATION
        return SpentTraining(**json.loads(path.read_text())) if path.is_file() else None

    def losses(self, cut: str) -> list[float]:
        """The loss by step, the mean over the batches that got so far; empty if none is stored."""
        curves = [json.loads(path.read_text()) for path in sorted((self.folder / cut).glob("*.loss.json"))]
        steps = itertools.zip_longest(*curves)
        return [statistics.fmean(loss for loss in step if loss is not None) for step in steps]

    def _path(self, cut: str, index: int) -> Path:
        return self.folder / cut / f"{index:04d}.png"
