"""timm's models, as they are and with a convolutional stem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any, cast

from torch import nn

from keyhole.sizes import Size, size_of
from keyhole.targets.conv_stem import ConvStem
from keyhole.targets.errors import TargetError
from keyhole.targets.family import Facts, Family
from keyhole.targets.preprocess import Preprocess

_IMAGENET = 1000
_PUBLISHED: Mapping[str, dict[str, Any]] = {"fbnetc_100": {"bn_eps": 1e-3}}
"""Arguments that timm gives to an architecture only when it loads the published weights itself; files need them too."""


class TimmFamily(Family):
    """See `Family`. A name may carry the tag of its weights: ``vit_base_patch16_224.augreg_in21k``."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], _timm().list_models())

    def facts(self, name: str) -> Facts:
        try:
            known = _timm().get_pretrained_cfg(name)
        except RuntimeError as error:
            tags = ", ".join(_timm().list_pretrained(name.partition(".")[0] + ".*"))
            raise TargetError(f"timm has no weights {name}, only {tags or 'none of that architecture'}") from error
        return Facts(
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
        arguments = dict(_PUBLISHED.get(name.partition(".")[0], {})) | (
            {} if outputs is None else {"num_classes": outputs}
        )
        if size is not None and _timm().get_pretrained_cfg(name).fixed_input_size:
            arguments["img_size"] = size
        return cast(nn.Module, _timm().create_model(name, pretrained=pretrained, **arguments))


class ConvStemFamily(TimmFamily):
    """See `Family`. timm's ViTs with patches of 16 pixels, each with a `ConvStem` for its patch embedding."""

    def names(self) -> Sequence[str]:
        return cast(Sequence[str], _timm().list_models("vit_*_patch16_*"))

    def facts(self, name: str) -> Facts:
        return replace(super().facts(name), weights="random")

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        if pretrained:
            raise TargetError(f"the hub has no weights of {name} with a convolutional stem: give a file (--weights)")
        model = super().build(name, size=size, outputs=outputs, pretrained=False)
        model.patch_embed = ConvStem(model.embed_dim)  # type: ignore[arg-type]
        return model


@cache
def _timm() -> ModuleType:
    """timm, which takes seconds to import."""
    import timm  # noqa: PLC0415

    return timm
