"""torchvision's classification models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torchvision
from torch import nn

from keyhole.targets.family import Facts, Family
from keyhole.targets.preprocess import Preprocess

_SIZED: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "vit_": lambda size: {"image_size": size},
    "maxvit_": lambda size: {"input_size": (size, size)},
}
"""Arguments of the architectures that must know the picture's size, by the start of their name."""


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

    def build(self, name: str, *, size: int | None, outputs: int | None, pretrained: bool) -> nn.Module:
        arguments: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
        if size is not None:
            for start, sized in _SIZED.items():
                arguments |= sized(size) if name.startswith(start) else {}
        return cast(
            nn.Module, torchvision.models.get_model(name, weights="DEFAULT" if pretrained else None, **arguments)
        )


def _newest(name: str) -> Any:
    return torchvision.models.get_model_weights(name).DEFAULT
