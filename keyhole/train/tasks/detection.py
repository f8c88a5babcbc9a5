"""Detection: the head of YOLOv2 on a backbone that stays as it is, and the boxes of streetcam."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.data.boxed import BOX_CLASSES, BoxedPictures
from keyhole.evaluation.detection import DetectionTrial
from keyhole.metrics.detection import check_backend
from keyhole.service.errors import UsageError
from keyhole.sizes import height_width, size_text
from keyhole.targets.architectures import architecture
from keyhole.targets.state_dicts import read_state
from keyhole.targets.target import Preprocess, TargetError
from keyhole.targets.yolov2 import HEAD, STRIDE, Detect, YoloHead, YoloV2, dimension_clusters
from keyhole.terminal import progress_bar
from keyhole.train.recipe import OptimiserName, Stages, TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Batch, Outputs, Task, batches_in
from keyhole.train.tasks.detection_data import VEHICLES, DetectionData, DetectionTrials
from keyhole.train.tasks.yolo_loss import YoloLoss
from keyhole.train.weights import card_of, place_of

PREFIX = "yolov2:"
_BATCH = 64


@dataclass(frozen=True)
class DetectionRecipe(TrainingRecipe):
    """The hyper-parameters of detection. The backbone sees each picture twice, as it is and mirrored, and the head is
    trained with its features: nothing else is varied."""

    stages: Stages = ((128, 30),)
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.0
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.1
    crop: float = 1.0


class HeadAlone(nn.Module):
    """A detector's head, as the loop trains it.

    Args:
        head: is trained.
        shapes: of what the backbone gives for one picture.
    """

    def __init__(self, head: YoloHead, shapes: tuple[torch.Size, torch.Size]) -> None:
        super().__init__()
        self.head, self._shapes = head, shapes

    def forward(self, features: Tensor) -> Tensor:
        """Maps of the backbone's features, which come as one row of numbers a picture."""
        parts = torch.split(features, [math.prod(shape) for shape in self._shapes], 1)
        fine, deep = (part.view(-1, *shape) for part, shape in zip(parts, self._shapes, strict=True))
        return self.head(fine, deep)  # type: ignore[no-any-return]


class Detection(Task):
    """See `Task`. The module is the head; a batch's inputs are the backbone's features, its labels the numbers of the
    pictures.

    Args:
        network: with the backbone's weights; its anchors are set.
        train: training pictures.
        trials: pictures to report of.
        selection: pictures that epochs are chosen by.
        preprocess: of the network.
        recipe: the hyper-parameters.
        data: one line on the training pictures, for the card.
        backbone: the shipped target whose weights the backbone has; empty: they are stored with the head.
        console: shows the progress.
    """

    kind = "detection"

    def __init__(
        self,
        network: YoloV2,
        train: BoxedPictures,
        trials: DetectionTrials,
        selection: DetectionTrial,
        preprocess: Preprocess,
        recipe: DetectionRecipe,
        data: str,
        backbone: Mapping[str, str],
        console: Console,
    ) -> None:
        self.recipe, self.preprocess, self.data, self.backbone = recipe, preprocess, data, backbone
        if backbone:
            self.stored = frozenset(name for name in network.state_dict() if name.startswith(HEAD))
        self.outputs = Outputs(labels=BOX_CLASSES)
        self.steps = batches_in(len(train.pictures), recipe.batch)
        self.tested_on = {
            **{
                f"{count}{of}": number
                for of, trial in trials.by_suffix.items()
                for count, number in trial.counts.items()
            },
            **{f"selection_{count}": number for count, number in selection.counts.items()},
        }
        width = height_width(preprocess.size)[1]
        self._network, self._count = network, len(train.pictures)
        self._truths = (*train.truths, *(truth.mirrored(width) for truth in train.truths))
        self._trials, self._selection, self._loss = trials, selection, YoloLoss()
        self._anchors = self._cluster(network.detect)
        self._features, shapes = _features(network, train.pictures, preprocess, console)
        self.module = HeadAlone(network.head, shapes)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:  # noqa: ARG002
        mirrored = torch.randint(2, (self._count,), generator=generator)
        order = torch.randperm(self._count, generator=generator) + self._count * mirrored
        for chosen in torch.split(order, self.recipe.batch)[: self.steps]:
            yield Batch(self._features[chosen].float(), chosen)

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        truths = [self._truths[number] for number in labels.tolist()]
        return self._loss(answers, self._anchors.to(answers.device), truths)

    def network(self, module: nn.Module) -> nn.Module:
        self._network.head = cast(HeadAlone, module).head
        return self._network

    def assess(self, network: nn.Module, size: int) -> str:  # noqa: ARG002
        found = self._selection.figures(network, self.preprocess)
        return f"mAP {found['mAP']:.1f} %, mAP50 {found['mAP50']:.1f} %"

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        told: dict[str, float] = {}
        for of, trial in self._trials.by_suffix.items():
            told |= {f"{name}{of}": value for name, value in trial.figures(network, self.preprocess).items()}
            blind = trial.blind(self._trials.seen)
            told |= {f"{name}{of}_blind": blind[name] for name in ("mAP", "mAP50")}
        chosen = self._selection.figures(network, self.preprocess)
        return told | {f"{name}_selection": chosen[name] for name in ("mAP", "mAP50")}

    def _cluster(self, detect: Detect) -> Tensor:
        boxes = torch.cat([truth.boxes for truth in self._truths]) / STRIDE
        generator = torch.Generator().manual_seed(self.recipe.seed)
        detect.anchors.copy_(dimension_clusters(boxes[:, 2:] - boxes[:, :2], generator).flatten())
        return detect.shapes.clone()


@torch.inference_mode()
def _features(
    network: YoloV2, pictures: Tensor, preprocess: Preprocess, console: Console
) -> tuple[Tensor, tuple[torch.Size, torch.Size]]:
    """What the backbone makes of uint8 pictures, and then of all of them mirrored, as one row of half-precision numbers
    each, and its shapes."""
    network.eval()
    rows, shapes = [], None
    with progress_bar(console) as progress:
        bar = progress.add_task("features", total=2 * len(pictures))
        for some in (*torch.split(pictures, _BATCH), *(part.flip(-1) for part in torch.split(pictures, _BATCH))):
            fine, deep = network.features(preprocess(some.float() / 255))
            shapes = fine.shape[1:], deep.shape[1:]
            rows.append(torch.cat((fine.flatten(1), deep.flatten(1)), 1).half())
            progress.advance(bar, len(some))
    assert shapes is not None
    return torch.cat(rows).clone(), shapes


def detection(settings: TrainSettings, console: Console) -> Task:
    """The task that the flags describe.

    Raises:
        UsageError: another data set, an architecture without boxes, no weights to start from, or a flag that detection
            has no use for.
        TargetError: weights to start from that are not there or do not fit.
    """
    _check(settings)
    check_backend()
    size = settings.size
    data = DetectionData(settings, size)
    recipe = adjusted(DetectionRecipe(), settings)
    if len(recipe.stages) > 1 or recipe.stages[0][0] != min(height_width(size)):
        raise UsageError("--stages: the features of detection are of one size: expected one stage with --size's side")
    torch.manual_seed(settings.seed)
    entry = architecture(settings.architecture)
    network = entry.family.build(entry.name, size=size, outputs=len(BOX_CLASSES), pretrained=False)
    if not isinstance(network, YoloV2):
        raise UsageError(
            f"--architecture {settings.architecture} answers with no boxes: --architecture {PREFIX}resnet18"
        )
    _start_from(network, cast(Path, settings.init))
    train = data.training(console)
    console.print(f"{len(train.pictures)} pictures, {recipe.epochs} epochs", soft_wrap=True)
    return Detection(
        network,
        train,
        data.trials(console),
        data.selection(console),
        Preprocess(size),
        recipe,
        f"{settings.data_name or settings.data}: {len(train.pictures)} pictures of {settings.identities or VEHICLES} "
        f"vehicles and their boxes, {size_text(size)} pixels",
        _shipped(cast(Path, settings.init)),
        console,
    )


def _check(settings: TrainSettings) -> None:
    if settings.teacher or settings.patch_drop:
        raise UsageError("--teacher and --patch-drop are of re-identification: --task re-identification")
    if settings.init is None:
        raise UsageError("detection trains a head on a backbone that stays as it is: --init resnet18-streetcam")


def _start_from(network: YoloV2, init: Path) -> None:
    """Give the backbone the weights of ``init``; the rest of them is left out."""
    place = place_of(init)
    state = read_state(place / "model.safetensors" if place.is_dir() else place, network.state_dict())
    counted = "num_batches_tracked"  # inference does not use it, and files need not have it
    parts = network.state_dict().items()
    own = {name: value for name, value in parts if not name.startswith(HEAD) and not name.endswith(counted)}
    lacking = [
        name for name, value in own.items() if name not in state.tensors or state.tensors[name].shape != value.shape
    ]
    if lacking:
        raise TargetError(f"{state.source} does not fit the backbone: {lacking[0]} is missing or has another shape")
    network.load_state_dict({**network.state_dict(), **{name: state.tensors[name] for name in own}})


def _shipped(init: Path) -> Mapping[str, str]:
    """The shipped target whose weights ``init`` names; empty where it is another."""
    card = card_of(init)
    return {"target": card.name, "sha256": card.sha256} if card and place_of(init) != init else {}
