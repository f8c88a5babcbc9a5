"""Flags of `keyhole export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.service.errors import check_flags
from keyhole.targets.settings import ModelSettings

Part = Literal["head", "tail"]
FormatName = Literal["pt2", "onnx"]


@dataclass(frozen=True)
class ExportSettings(ModelSettings):
    """Write the head or the tail of a split model as files that run without Keyhole, as on a real device.

        keyhole export --target resnet18-streetcam-patrol --cut layer2 --parts head tail

    Each file takes any number of pictures. It is read again by a process that has no Keyhole, and kept only if that one
    answers alike: a .pt2 to the bit on most machines, ONNX within rounding. What it holds is written into it as JSON
    (`keyhole.json`): target, cut, how a picture is brought to the input (size, RGB from 0 to 1, mean, deviation), names
    and shapes of inputs and outputs, and the SHA-256 of the features of a picture that a formula gives. The head ends
    before defence and codec; a defence by training is part of it.

    With torch alone:

        import json, torch
        facts = {"keyhole.json": ""}
        head = torch.export.load("exported/NAME-head.pt2", extra_files=facts).module()
        preprocess = json.loads(facts["keyhole.json"])["preprocess"]
        mean, std = (torch.tensor(preprocess[name]).view(3, 1, 1) for name in ("mean", "std"))
        features = head((pictures - mean) / std)

    With onnxruntime and numpy alone:

        import json, numpy, onnxruntime
        head = onnxruntime.InferenceSession("exported/NAME-head.onnx")
        preprocess = json.loads(head.get_modelmeta().custom_metadata_map["keyhole.json"])["preprocess"]
        mean, std = (numpy.float32(preprocess[name]).reshape(3, 1, 1) for name in ("mean", "std"))
        (features,) = head.run(None, {"pictures": (pictures - mean) / std})

    What cannot be exported says why: the tail of a detector, whose boxes are as many as a picture has things, and
    models whose code torch.export cannot follow. Their heads usually can.
    """

    parts: tuple[Part, ...] = ("head",)
    """What to write: head, tail, or both. `--cut output --parts head` is the whole model."""
    formats: tuple[FormatName, ...] = ("pt2", "onnx")
    """Kinds of files. ONNX takes the packages of `pip install '.[export]'`."""
    out: Path = Path("exported")
    """Folder of the files, TARGET-CUT-PART.FORMAT. Nothing else in it is touched."""
    force: bool = False
    """Replace files that are there."""

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            UsageError: names the flag and what was expected.
        """
        check_flags(
            (
                ("--parts", "", self.parts, "head, tail or both"),
                ("--formats", "", self.formats, "pt2, onnx or both"),
                ("--parts", "tail", not (self.head_only and "tail" in self.parts), "head alone, with --head-only"),
                ("--out", self.out, not self.out.exists() or self.out.is_dir(), "a folder"),
            )
        )
