"""torchvision's classification models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torchvision
from torch import nn

from keyhole.sizes import Size, height_width, side_of
from keyhole.targets.family import Facts, Family
from keyhole.targets.preprocess import Preprocess

_SIZED: Mapping[str, Callable[[Size], dict[str, Any]]] = {
    "vit_": lambda size: {"image_size": side_of(size, "torchvision's ViT")},
    "maxvit_": lambda size: {"input_size": height_width(size)},
}
"""Arguments of the architectures that must know the picture's size, by the start of their name."""
_PUBLISHED: Mapping[str, dict[str, Any]] = {
    name: {"transform_input": True, "init_weights": False} for name in ("googlenet", "inception_v3")
}
"""Arguments that torchvision gives to an architecture only when it loads the published weights itself. Weights in a
file expect them too: they are the published ones, or began as them."""
_AUXILIARY = ("aux1", "aux2", "AuxLogits")
"""Classifiers that only a training uses. What torchvision leaves of them depends on where the weights come from."""


class TorchvisionFamily(Family):
    """See `Family`. The preprocessing is that of the newest weights."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], torchvision.models.list_models(module=torchvision.models))

    def facts(self, name: str) -> Facts:
        weights = _newest(name)
        transform = weights.transforms()
        (size,) = transform.crop_size
        return Facts(
            Preprocess(size, tuple(transform.mean), tuple(transform.std)),
            len(weights.meta["categories"]),
            weights.meta.get("license", "BSD-3-Clause"),
            "hub",
        )

    def labels(self, name: str) -> tuple[str, ...]:
        return tuple(_newest(name).meta["categories"])

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        arguments = dict(_PUBLISHED.get(name, {})) | ({} if outputs is None else {"num_classes": outputs})
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
