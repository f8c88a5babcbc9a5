"""Flags that name a model, those of `keyhole targets`, and the tasks of targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.sizes import OptionalSizeFlag

TaskName = Literal["classification", "re-identification", "pretraining", "detection", "captions"]
"""Tasks of targets: to score classes, to give an embedding by which identities are retrieved, or one by which public
pictures are told apart, for others to start from, to find things and put boxes around them, or to give an embedding
that pictures share with what is said of them (CLIP)."""


@dataclass(frozen=True)
class ModelSettings:
    """Which model is split, and where. Every process of a deployment must be given the same."""

    target: str = "resnet18-streetcam"
    """Model to split: a name that `keyhole targets` lists (resnet18, timm:NAME, conv-stem:NAME, narrow:NAME,
    yolov2:NAME, detection:NAME), a CLIP's picture tower (open_clip:MODEL, transformers:FOLDER or a name of its hub),
    pruned:FOLDER (what `keyhole train patrol` wrote), defended:FOLDER (`keyhole train defence`), the FOLDER of
    `keyhole train target`, or package.module:factory."""
    weights: str | None = None
    """Weights of the model: a file of safetensors or of `torch.save` (the state dict is found in it under any prefix),
    or `pretrained` from the hub. Absent: those that are shipped with the target, else random ones that are the same in
    every process."""
    cut: str = "layer2"
    """Module whose output crosses the split (layer2.1), or a paper's name for it (L8); `keyhole cuts` lists them."""
    size: OptionalSizeFlag = None
    """Size of the picture in pixels: a side (128), or height and width (256x128). Absent: the target's own."""
    head_only: bool = False
    """The weights are those of a head alone: all that they lack must lie after the cut, and the cloud answers every
    frame with nothing."""


@dataclass(frozen=True)
class TargetsSettings:
    """List the models that can be split, with picture size, outputs, licence and where their weights come from."""

    filter: str = ""
    """Only names that contain this text."""
    json: Path | None = None
    """File that the table is also written to, as JSON."""
