"""Architectures by name: torchvision's, timm's, timm's ViTs with a convolutional stem, narrow networks, and CLIP's."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any, cast

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import ResNet

from keyhole.sizes import Size, height_width, side_of, size_of, size_text
from keyhole.targets.clip import OpenClipFamily, TransformersClipFamily
from keyhole.targets.conv_stem import ConvStem
from keyhole.targets.family import Family, ModelFacts, NamedModel
from keyhole.targets.narrow import NARROW
from keyhole.targets.narrow_vit import NARROW_VITS
from keyhole.targets.target import Preprocess, TargetError
from keyhole.targets.torchvision_detection import DetectorFamily
from keyhole.targets.yolov2 import ANCHORS, YoloV2

_SIZED: Mapping[str, Callable[[Size], dict[str, Any]]] = {
    "vit_": lambda size: {"image_size": side_of(size, "torchvision's ViT")},
    "maxvit_": lambda size: {"input_size": height_width(size)},
}
"""Arguments that tell an architecture the picture's size, by the start of its name."""
_TORCHVISION_PUBLISHED: Mapping[str, dict[str, Any]] = {
    name: {"transform_input": True, "init_weights": False} for name in ("googlenet", "inception_v3")
}
"""Arguments that torchvision gives to an architecture only when it loads the published weights itself. Weights in a
file expect them too: they are the published ones, or began as them."""
_AUXILIARY = ("aux1", "aux2", "AuxLogits")
"""Auxiliary classifiers, which only a training uses. torchvision keeps or drops them by the origin of the weights."""
_IMAGENET = 1000
_SMALL, _CLASSES = 64, 10
"""Pixels and classes of a narrow network that nobody has trained."""
_DETECTED, _THINGS, _COARSEST = 128, 4, 32
"""Pixels and classes of a detector that nobody has trained; multiple of its pictures' sides."""
_TIMM_PUBLISHED: Mapping[str, dict[str, Any]] = {"fbnetc_100": {"bn_eps": 1e-3}}
"""Arguments that timm gives to an architecture only when it loads the published weights itself; files need them too."""


class TorchvisionFamily(Family):
    """See `Family`. The preprocessing is that of the newest weights."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], torchvision.models.list_models(module=torchvision.models))

    def facts(self, name: str) -> ModelFacts:
        weights = _newest(name)
        transform = weights.transforms()
        (size,) = transform.crop_size
        return ModelFacts(
            Preprocess(size, tuple(transform.mean), tuple(transform.std)),
            len(weights.meta["categories"]),
            weights.meta.get("license", "BSD-3-Clause"),
            "hub",
        )

    def labels(self, name: str) -> tuple[str, ...]:
        return tuple(_newest(name).meta["categories"])

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        arguments = dict(_TORCHVISION_PUBLISHED.get(name, {})) | ({} if outputs is None else {"num_classes": outputs})
        side = size or self.facts(name).preprocess.size
        for start, sized in _SIZED.items():
            arguments |= sized(side) if name.startswith(start) else {}
        model = torchvision.models.get_model(name, weights="DEFAULT" if pretrained else None, **arguments)
        for auxiliary in _AUXILIARY:
            if getattr(model, auxiliary, None) is not None:
                setattr(model, auxiliary, None)
                model.aux_logits = False
        return cast(nn.Module, model)


def _newest(name: str) -> Any:
    return torchvision.models.get_model_weights(name).DEFAULT


class TimmFamily(Family):
    """See `Family`. A name may carry the tag of its weights: ``vit_base_patch16_224.augreg_in21k``."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], _timm().list_models())

    def facts(self, name: str) -> ModelFacts:
        try:
            known = _timm().get_pretrained_cfg(name)
        except RuntimeError as error:
            tags = ", ".join(_timm().list_pretrained(name.partition(".")[0] + ".*"))
            raise TargetError(f"timm has no weights {name}, only {tags or 'none of that architecture'}") from error
        return ModelFacts(
            Preprocess(size_of(*known.input_size[-2:]), tuple(known.mean), tuple(known.std)),
            known.num_classes,
            known.license or "Apache-2.0",
            "hub" if known.has_weights else "random",
        )

    def labels(self, name: str) -> tuple[str, ...]:
        if self.facts(name).outputs != _IMAGENET:
            return ()
        names = _timm().data.ImageNetInfo("imagenet-1k")
        return tuple(names.index_to_description(index) for index in range(_IMAGENET))

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        arguments = dict(_TIMM_PUBLISHED.get(name.partition(".")[0], {})) | (
            {} if outputs is None else {"num_classes": outputs}
        )
        if size is not None and _timm().get_pretrained_cfg(name).fixed_input_size:
            arguments["img_size"] = size
        return cast(nn.Module, _timm().create_model(name, pretrained=pretrained, **arguments))


class ConvStemFamily(TimmFamily):
    """See `Family`. timm's ViTs with patches of 16 pixels, each with a `ConvStem` for its patch embedding."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], _timm().list_models("vit_*_patch16_*"))

    def facts(self, name: str) -> ModelFacts:
        return replace(super().facts(name), weights="random")

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        if pretrained:
            raise TargetError(f"the hub has no weights of {name} with a convolutional stem: give a file (--weights)")
        model = super().build(name, size=size, outputs=outputs, pretrained=False)
        model.patch_embed = ConvStem(model.embed_dim)  # type: ignore[arg-type]
        return model


class NarrowFamily(Family):
    """See `Family`. Networks with few channels for small pictures: `NARROW`, such as ``resnet18-16``, which take any
    size, and `NARROW_VITS`, such as ``vit-128``."""

    def names(self) -> Sequence[str]:
        return (*NARROW, *NARROW_VITS)

    def facts(self, name: str) -> ModelFacts:  # noqa: ARG002
        return ModelFacts(Preprocess(_SMALL), _CLASSES, "Apache-2.0", "random")

    def labels(self, name: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        if pretrained:
            raise TargetError(f"no hub has weights of {name}: give a file (--weights)")
        classes = _CLASSES if outputs is None else outputs
        return NARROW_VITS[name](size or _SMALL, classes) if name in NARROW_VITS else NARROW[name](classes)


class YoloFamily(Family):
    """See `Family`. torchvision's ResNets with the head of YOLOv2 (`YoloV2`): ``resnet18``."""

    def names(self) -> Sequence[str]:
        return [name for name in ARCHITECTURES[BARE].names() if "resne" in name]

    def facts(self, name: str) -> ModelFacts:  # noqa: ARG002
        return ModelFacts(Preprocess(_DETECTED), 0, "Apache-2.0", "random", detects=_THINGS)

    def labels(self, name: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def boxes_of(self, model: nn.Module, state: Mapping[str, Tensor]) -> int | None:  # noqa: ARG002
        stored = state.get("head.predict.bias")
        return None if stored is None else len(stored) // ANCHORS - 5

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        if pretrained:
            raise TargetError(f"no hub has weights of {name} with the head of YOLOv2: give a file (--weights)")
        if size is not None and any(side % _COARSEST for side in height_width(size)):
            raise TargetError(f"YOLOv2 takes pictures whose sides are multiples of {_COARSEST}, not {size_text(size)}")
        backbone = ARCHITECTURES[BARE].build(name, size=size, outputs=1, pretrained=False)
        return YoloV2(cast(ResNet, backbone), _THINGS if outputs is None else outputs)


@cache
def _timm() -> ModuleType:
    """timm, imported on first use because that takes seconds."""
    import timm  # noqa: PLC0415

    return timm


BARE = "torchvision"
"""Prefix of the family whose names need none."""
ARCHITECTURES: Mapping[str, Family] = {
    BARE: TorchvisionFamily(),
    "timm": TimmFamily(),
    "conv-stem": ConvStemFamily(),
    "narrow": NarrowFamily(),
    "yolov2": YoloFamily(),
    "detection": DetectorFamily(),
    "open_clip": OpenClipFamily(),
    "transformers": TransformersClipFamily(),
}


def architecture(name: str) -> NamedModel:
    """The architecture ``resnet18`` (``torchvision:resnet18``), or a name of `ARCHITECTURES` after its prefix.

    >>> architecture("torchvision:resnet18").name
    'resnet18'

    Raises:
        TargetError: no such architecture; the message lists the nearest names.
    """
    prefix, _, own = name.rpartition(":")
    family = ARCHITECTURES.get(prefix or BARE)
    if family is None:
        raise TargetError(
            f"unknown architecture {name!r}: expected a name of torchvision, or one after "
            f"{', '.join(f'{prefix}:' for prefix in ARCHITECTURES if prefix != BARE)}"
        )
    if not family.has(own):
        near = difflib.get_close_matches(own, family.names(), n=4)
        nearest = f"nearest: {', '.join(near)}; " if near else ""
        raise TargetError(f"unknown architecture {name!r} ({nearest}`keyhole targets` lists all)")
    return NamedModel(family, own)
