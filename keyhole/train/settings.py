"""Flags of trainings that make a target: from scratch, and from a trained target."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.sizes import Size, SizeFlag
from keyhole.targets.settings import ModelSettings, TaskName


@dataclass(frozen=True)
class TrainSettings:
    """Train a target; write its weights as int8 with a card. A stopped run goes on where it was.

    Classification gives each picture a class: that of its folder, or who is seen in it. Of each class some pictures are
    held back: one of four is what to choose by, the others are what figures are told of. Re-identification gives a
    picture an embedding by which pictures of the same identity (a vehicle, a person) are found again; it is tested on
    identities that it was not trained on. Pretraining learns from public pictures, of the pool `public` unless --part
    names another, to know each in other views of it: a start that knows the domain and nobody private. Detection puts
    boxes around vehicles, plates, people (their heads) and signs of streetcam: the head of YOLOv2 is trained on a
    backbone that stays as it is, and is all that is stored where the backbone is a shipped target's. Captions learns
    from public pictures, as CLIP does, an embedding that pictures share with what is said of them; a text encoder and
    its tokenizer are left beside the weights. For example

        keyhole train target --data tiny-imagenet-100.zip --out runs/resnet18-tinyimagenet
        keyhole train target --task pretraining --data lfw-112.zip --size 64 --init resnet18-tinyimagenet \\
            --stages 64:10 --out runs/lfw-public
        keyhole train target --data lfw-112.zip --size 64 --init runs/lfw-public --out runs/lfw
        keyhole train target --data streetcam --part public --identities 400 --views 12 --size 64 \\
            --architecture narrow:resnet18-16 --out runs/vehicles-public
        keyhole train target --data streetcam --identities 60 --size 64 --architecture narrow:resnet18-16 \\
            --init runs/vehicles-public --out runs/vehicles
        keyhole train target --task re-identification --data streetcam --out runs/resnet18-streetcam \\
            --init runs/resnet18-tinyimagenet
        keyhole train target --task re-identification --data lfw-112.zip --part private --out runs/resnet18-lfw
        keyhole train target --task detection --data streetcam --architecture yolov2:resnet18 \\
            --init resnet18-streetcam --out runs/yolo
        keyhole train target --task captions --data streetcam --architecture narrow:vit-96 --out runs/clip

    Two runs, the second at the target's own size and a small learning rate, cost less than one at that size:

        keyhole train target --data tiny-imagenet-100.zip --out runs/small --stages 64:12 96:4
        keyhole train target --data tiny-imagenet-100.zip --out runs/large --init runs/small --stages 128:1 \\
            --learning-rate 0.02

    A ViT may learn from a teacher, and from half of each picture at first:

        keyhole train target --task re-identification --data streetcam --architecture conv-stem:vit_tiny_patch16_224 \\
            --teacher runs/resnet18-streetcam --patch-drop 0.5 --out runs/half
        keyhole train target --task re-identification --data streetcam --architecture conv-stem:vit_tiny_patch16_224 \\
            --teacher runs/resnet18-streetcam --init runs/half --stages 128:4 --learning-rate 2e-4 --out runs/vit
    """

    data: str
    """`streetcam`, a data set as NAME:PATH (`keyhole data sets` lists them), or a folder or zip with a folder of
    pictures for each identity or class. Classification also takes `train/<class>/…` and `val/<class>/…`, all pictures
    of one size."""
    out: Path
    """Folder for checkpoints, model.safetensors and card.json; its name becomes the target's."""
    task: TaskName = "classification"
    """What the target is for."""
    architecture: str = "resnet18"
    """Architecture: a name of torchvision (resnet18), one of timm after `timm:` (timm:vit_tiny_patch16_224), a ViT of
    timm after `conv-stem:`, which has convolutions for its patch embedding and learns from fewer pictures, a network
    with few channels for small pictures after `narrow:` (resnet18-16, vgg13-16: less than 1 MB; vit-64 to vit-128, with
    a convolutional stem: 0.5 to 1.7 MB), or a ResNet with the head of a detector after `yolov2:`."""
    init: Path | None = None
    """Weights to start from: a folder that `keyhole train target` wrote, a file of weights or the name of a shipped
    target, of the same architecture. Where its classes are others, or it answers with an embedding, the last layer
    starts afresh. Absent: random ones. Detection needs them, of the architecture without its head."""
    teacher: Path | None = None
    """Re-identification: a folder that `keyhole train target` wrote, or the name of a shipped target; what it answers
    to the training pictures is learned besides the identities. It helps networks that learn slowly from few pictures,
    as transformers do."""
    patch_drop: float = 0.0
    """Re-identification or captions with a ViT: share of the patches that are left out of each training picture, others
    every time. Half of them halve the time; a short second run should see all (see above)."""
    size: SizeFlag = 128
    """Size of the pictures the target will take, in pixels: a side (128), or height and width (256x128)."""
    stages: tuple[str, ...] = ()
    """Shorter side of the pictures and epochs of each stage of the training, as SIDE:EPOCHS; small pictures first save
    time, where the architecture takes them (a ViT does not). Absent: the recipe's, 64:8 96:3 128:1 for classification,
    64:20 where identities are the classes; 64:10 96:2 128:1 for re-identification, 128:20 with a ViT and for captions,
    128:30 for detection, 64:40 for pretraining; the last one at the target's size."""
    batch: int | None = None
    """Pictures per step. Absent: the recipe's, 128 for classification, pretraining and captions; 64 for
    re-identification, and where identities are the classes; 32 for detection."""
    learning_rate: float | None = None
    """Peak of the one-cycle schedule. Absent: the recipe's, 0.4 for classification; 0.0007 for
    re-identification, 0.0005 with a ViT; 0.001 for all else, and where identities are the classes."""
    label_smoothing: float | None = None
    """Share of the target that is spread over all classes; less than 0: taken from the others. Absent: 0.1; 0 where
    identities are the classes, because it helps who inverts the classifier."""
    precision: Literal["no", "bf16"] = "no"
    """`bf16` pays on processors with native bf16 arithmetic and is many times slower on others."""
    keep_every: int | None = None
    """Also leave a target in OUT/at-EPOCH every so many epochs, to be attacked where it is as accurate as another.
    Absent: the last one alone."""
    seed: int = 0
    """Seed of weights, order and augmentation, and of which identities are held out."""
    data_name: str | None = None
    """What the card calls the data. Absent: Tiny-ImageNet for classification, else the data itself."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card."""
    per_identity: int = 4
    """Re-identification: pictures of each identity in a batch (K of a PK batch; P is batch / K)."""
    identities: int | None = None
    """On streetcam: vehicles to train on. Absent: 2000 for re-identification and detection, 60 as classes, 400 for
    pretraining, 1000 for captions."""
    views: int | None = None
    """On streetcam: pictures of each vehicle, by different cameras up to 24. Absent: 12; 48 for classification, 4 for
    detection, 6 for captions."""
    part: str = ""
    """What of the data to train on. Re-identification on a folder or zip, or on a data set whose owner has no queries,
    absent: its pool `private`, which `--source` never shows. Classification, absent: all of a folder `private/` in it;
    an owner's train and test splits of classes; else the pool. `all`, a folder in it, or `private/` with a slash, the
    whole folder or split: whoever is in it may be attacked later."""
    held_back: float = 0.25
    """Classification, where the data has no pictures set apart: share of each class's pictures that is held back from
    training, by the seed."""
    held_out: int | None = None
    """Re-identification, detection and captions: identities that are kept from training; for captions, pictures where
    there are none. Absent: 150 of streetcam (200 for captions), a fifth elsewhere. A third of them, of streetcam as
    many again (for detection and captions a third), are what to choose settings and epochs by (each epoch's line); the
    figures of the card are of the others. A data set whose owner has queries is reported on those."""
    probes: int = 1
    """Re-identification: pictures of each held-out identity that are searched for among the others."""
    pictures: Path | None = None
    """Folder where drawn pictures are kept, such as the `--out` of a training on the same. Absent: `--out`."""
    workers: int = 2
    """Processes that draw or read the pictures, once before the training."""


@dataclass(frozen=True, kw_only=True)
class TuningSettings(ModelSettings):
    """Flags of a training that starts from a target and keeps its task."""

    data: str
    """The target's own training data, or the private pictures of classes that a method protects: as for `keyhole train
    target`."""
    out: Path
    """Folder for checkpoints, model.safetensors and card.json, and whatever else the defence needs."""
    per_identity: int = 4
    """Re-identification: pictures of each identity in a batch."""
    identities: int | None = None
    """On streetcam: as for `keyhole train target`."""
    views: int | None = None
    """On streetcam: as for `keyhole train target`."""
    part: str = ""
    """As for `keyhole train target`."""
    held_back: float = TrainSettings.held_back
    """As for `keyhole train target`."""
    held_out: int | None = None
    """Re-identification: as for `keyhole train target`."""
    probes: int = 1
    """Re-identification: as for `keyhole train target`."""
    pictures: Path | None = None
    """Folder where drawn pictures are kept, such as the `--out` of the target's own training. Absent: `--out`."""
    workers: int = 2
    """Processes that draw or read the pictures."""
    precision: Literal["no", "bf16"] = "no"
    """`bf16` pays on processors with native bf16 arithmetic and is many times slower on others."""
    seed: int = 0
    """Seed of all random choices, and of which identities are held out: that of the target's own training, so that the
    same are."""
    batches: int | None = None
    """Batches of pictures that the training takes altogether: the same number makes methods comparable. The card says
    what was spent, steps of a method's own networks included. Absent: as epochs and steps say."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card."""

    def training(self, size: int) -> TrainSettings:
        """The flags that `keyhole train target` has too.

        Args:
            size: side of the target's pictures in pixels.
        """
        shared = {field.name for field in dataclasses.fields(TrainSettings)} - {"size"}
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return TrainSettings(size=size, **{name: value for name, value in own.items() if name in shared})


@dataclass(frozen=True, kw_only=True)
class TrialSettings(ModelSettings):
    """Measure how well a target finds vehicles or people again that it was not trained on, from their other pictures.

    The report is of identities that neither a training nor a choice has seen. Of a detector it is how well it puts
    boxes around what streetcam draws, of a CLIP how often the nearest text tells what the picture shows. For example

        keyhole trial --target resnet18-streetcam
        keyhole trial --target pruned:runs/patrol --selection
        keyhole trial --target runs/resnet18-lfw --data lfw-112.zip --held-out 12
        keyhole trial --target yolo-streetcam --views 4
        keyhole trial --target runs/clip --views 6
    """

    data: str = "streetcam"
    """As for `keyhole train target`."""
    part: str = ""
    """As for `keyhole train target`."""
    views: int = 12
    """On streetcam: pictures of each vehicle."""
    held_out: int | None = None
    """As for `keyhole train target`: the same, so that the same identities are told of."""
    probes: int = 4
    """Pictures of each identity that are searched for among the others."""
    seed: int = 0
    """Seed of the choice of identities and probes: that of the target's training."""
    selection: bool = False
    """Also measure those that settings and epochs are chosen by."""
    pictures: Path | None = None
    """Folder where drawn pictures are kept for the next time."""
    workers: int = 2
    """Processes that draw or read the pictures."""
    json: Path | None = None
    """File that the figures are also written to, as JSON."""

    def training(self, size: Size) -> TrainSettings:
        """The flags of the training whose identities are told of.

        Args:
            size: of the target's pictures.
        """
        shared = {name: getattr(self, name) for name in ("data", "part", "views", "held_out", "probes", "seed")}
        return TrainSettings(out=Path(), task="re-identification", size=size, identities=2, **shared)
