"""torchvision's detectors as models of one picture input, which can be cut in their backbones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torchvision
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from keyhole.sizes import Size
from keyhole.targets.family import Family, ModelFacts
from keyhole.targets.target import Preprocess

_REST = "rest.model."
_SIZES: Mapping[str, Preprocess] = {
    "ssd300": Preprocess(300, (0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
    "ssdlite320": Preprocess(320, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "fasterrcnn_mobilenet_v3_large_320": Preprocess(320),
    "": Preprocess(800),
}
"""What torchvision's own transform does, by the start of a name; the first that fits. Of 800 pixels is the shorter
side, whatever the longer one."""
_EXACT_NORMS = (
    "fasterrcnn_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
)
"""Models whose batch norms torchvision gives an epsilon of 0 when it loads the published weights itself. Weights in a
file expect it too: they are the published ones, or began as them."""


_SCORING = ("cls_score", "cls_logits", "classification_head")
"""Parts of the names of layers that score classes, for one box or for each of several anchors."""


class _Batch(list[Tensor]):
    """Pictures without numbers, and what a backbone made of them."""

    features: Any


class _AsItIs(nn.Module):
    """In the place of a detector's transform: pictures have their size and are normalised."""

    def forward(self, pictures: _Batch, targets: None) -> tuple[ImageList, None]:
        blank = pictures[0].expand(len(pictures), *pictures[0].shape)
        blank.features = pictures.features  # type: ignore[attr-defined]
        return ImageList(blank, [(picture.shape[-2], picture.shape[-1]) for picture in pictures]), targets

    def postprocess(self, found: list[dict[str, Tensor]], *_sizes: object) -> list[dict[str, Tensor]]:
        """What was found, in pixels of the pictures."""
        return found


class _Given(nn.Module):
    """In the place of a detector's backbone: its features are there already."""

    def forward(self, pictures: Tensor) -> Any:
        return pictures.features  # type: ignore[attr-defined]


class _Rest(nn.Module):
    """A detector without its backbone. It loops over pictures and boxes, and is kept whole.

    Args:
        model: a detector of torchvision; it loses backbone and transform.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.model.backbone, self.model.transform = _Given(), _AsItIs()

    def forward(self, features: Any, height: int, width: int) -> list[dict[str, Tensor]]:
        first = features if isinstance(features, Tensor) else next(iter(features.values()))
        pictures = _Batch([first.new_zeros(()).expand(3, height, width)] * len(first))
        pictures.features = features
        return cast(list[dict[str, Tensor]], self.model(pictures))


class SplitDetector(nn.Module):
    """A detector of torchvision that takes pictures N×3×H×W, normalised, in place of a list that it resizes itself.

    It answers with a list with a mapping for each picture: ``boxes`` (K×4: left, top, right, bottom in pixels),
    ``labels`` and ``scores``. The names of its tensors in a state dict are torchvision's.

    Args:
        model: the detector; it is taken apart.
    """

    backbone: nn.Module

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone = model.get_submodule("backbone")
        self.rest = _Rest(model)
        self.register_state_dict_post_hook(_named_as_torchvision)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_named_as_here)  # type: ignore[no-untyped-call]

    def forward(self, pictures: Tensor) -> list[dict[str, Tensor]]:
        height, width = pictures.shape[-2:]
        return self.rest(self.backbone(pictures), height, width)  # type: ignore[no-any-return]


def _classes(model: nn.Module) -> int:
    """The number of classes that a detector was built with."""
    rest = cast(Any, model).rest.model
    if hasattr(rest, "roi_heads"):
        return int(rest.roi_heads.box_predictor.cls_score.out_features)
    head = rest.head.classification_head
    return int(head.num_classes if hasattr(head, "num_classes") else head.num_columns)  # SSD's are columns


def _named_as_torchvision(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:  # noqa: ARG001
    for name in [name for name in state if name.startswith(prefix + _REST)]:
        state[prefix + name.removeprefix(prefix + _REST)] = state.pop(name)


def _named_as_here(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    own = {name.partition(".")[0] for name, _ in cast(SplitDetector, module).rest.model.named_parameters()}
    for name in list(state):
        if name.removeprefix(prefix).partition(".")[0] in own:
            state[prefix + _REST + name.removeprefix(prefix)] = state.pop(name)


class DetectorFamily(Family):
    """See `Family`. torchvision's detectors, each a `SplitDetector`: ``retinanet_resnet50_fpn``. Labels and the number
    of classes include ``__background__``, which comes first."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], torchvision.models.list_models(module=torchvision.models.detection))

    def facts(self, name: str) -> ModelFacts:
        preprocess = next(own for start, own in _SIZES.items() if name.startswith(start))
        return ModelFacts(preprocess, 0, "BSD-3-Clause", "hub", detects=len(self.labels(name)))

    def labels(self, name: str) -> tuple[str, ...]:
        return tuple(torchvision.models.get_model_weights(name).DEFAULT.meta["categories"])

    def boxes_of(self, model: nn.Module, state: Mapping[str, Tensor]) -> int | None:
        scoring = {name: value for name, value in model.state_dict().items() if any(part in name for part in _SCORING)}
        for name, value in scoring.items():
            if not name.endswith((".weight", ".bias")):
                continue
            stored = state.get(name)
            if stored is not None and stored.shape[1:] == value.shape[1:] and len(stored) != len(value):
                return len(stored) * _classes(model) // len(value)
        return None

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:  # noqa: ARG002
        classes = {} if outputs is None else {"num_classes": outputs}
        weights = "DEFAULT" if pretrained else None
        model = torchvision.models.get_model(name, weights=weights, weights_backbone=None, **classes)
        if name in _EXACT_NORMS:
            for layer in model.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eps = 0.0
        return SplitDetector(model)
