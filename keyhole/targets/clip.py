"""Picture towers of CLIP models as the packages open_clip and transformers have them; both packages are optional."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from keyhole.sizes import Size, height_width, side_of
from keyhole.targets.family import Family, ModelFacts
from keyhole.targets.target import Preprocess, TargetError

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on; most models after it take them too."""
_DISTRIBUTIONS = {"open_clip": "open_clip_torch", "transformers": "transformers"}


class OpenClipFamily(Family):
    """See `Family`. ``ViT-B-32``, or ``ViT-B-32/laion2b_s34b_b79k`` with the tag of its weights.

    A file of weights (``--weights``) is best that of the model of its own name: OpenAI's are of ``ViT-B-32-quickgelu``,
    whose activations are others than those of ``ViT-B-32``.
    """

    def names(self) -> Sequence[str]:
        try:
            return cast(Sequence[str], _package("open_clip").list_models())
        except TargetError:
            return ()

    def has(self, name: str) -> bool:
        library = _package("open_clip")
        model, _, tag = name.partition("/")
        if model in library.list_models() and tag and tag not in library.list_pretrained_tags_by_model(model):
            known = ", ".join(library.list_pretrained_tags_by_model(model))
            raise TargetError(f"open_clip has no weights {tag!r} of {model}, only {known or 'none'}")
        return model in library.list_models()

    def facts(self, name: str) -> ModelFacts:
        known = _package("open_clip").get_model_config(name.partition("/")[0])
        weights = self._weights(name)
        mean, std = (tuple(weights.get(key) or default) for key, default in (("mean", MEAN), ("std", STD)))
        size = known["vision_cfg"].get("image_size", 224)
        side = tuple(size) if isinstance(size, list | tuple) else size
        hub = "hub" if weights else "random"
        return ModelFacts(Preprocess(side, mean, std), 0, "MIT", hub, known["embed_dim"])

    def labels(self, name: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        _keeps_embedding(name, outputs)
        arguments: dict[str, Any] = {} if size is None else {"force_image_size": height_width(size)}
        tag = self._tag(name) if pretrained else None
        if pretrained and tag is None:
            raise TargetError(f"open_clip has no pretrained weights of {name}: give a file (--weights)")
        whole = _package("open_clip").create_model(name.partition("/")[0], pretrained=tag, **arguments)
        return cast(nn.Module, whole.visual)

    def _tag(self, name: str) -> str | None:
        model, _, tag = name.partition("/")
        return tag or next(iter(_package("open_clip").list_pretrained_tags_by_model(model)), None)

    def _weights(self, name: str) -> Mapping[str, Any]:
        """What open_clip says of the weights; nothing where it has none."""
        tag = self._tag(name)
        model = name.partition("/")[0]
        return cast(Mapping[str, Any], _package("open_clip").get_pretrained_cfg(model, tag) if tag else {})


class TransformersClipFamily(Family):
    """See `Family`. A folder with ``config.json``, or a name of the hub (``openai/clip-vit-base-patch32``), of a CLIP
    model or its picture tower. Weights in the folder are loaded; those of the hub where they are asked for.

    Mean and deviation are those of its ``preprocessor_config.json``, without one those of CLIP.
    """

    def names(self) -> Sequence[str]:
        return ()

    def has(self, name: str) -> bool:
        return (Path(name) / "config.json").is_file() or "/" in name

    def facts(self, name: str) -> ModelFacts:
        config = self._config(name)
        library = _package("transformers")
        try:
            processor = library.CLIPImageProcessor.from_pretrained(name)
            mean, std = tuple(processor.image_mean), tuple(processor.image_std)
        except OSError:
            mean, std = MEAN, STD
        stored = any(Path(name).glob("*.safetensors")) if Path(name).is_dir() else False
        where = "shipped" if stored else "random" if Path(name).is_dir() else "hub"
        return ModelFacts(Preprocess(config.image_size, mean, std), 0, "unknown", where, config.projection_dim)

    def labels(self, name: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        _keeps_embedding(name, outputs)
        config, base = self._config(name), _package("transformers").CLIPVisionModelWithProjection
        if size is not None:
            config.image_size = side_of(size, "transformers' CLIP")

        class PictureTower(base):  # type: ignore[misc, valid-type]
            """CLIP's picture tower, N×3×H×W to N×embedding."""

            def forward(self, pictures: Tensor) -> Tensor:
                return super().forward(pixel_values=pictures).image_embeds  # type: ignore[no-any-return]

        made = PictureTower.from_pretrained(name, config=config) if pretrained else PictureTower(config)
        return cast(nn.Module, made)

    def _config(self, name: str) -> Any:
        try:
            return _package("transformers").CLIPVisionConfig.from_pretrained(name)
        except (OSError, ValueError) as error:
            raise TargetError(
                f"no CLIP model transformers:{name}: {str(error).splitlines()[0]} (expected a folder with config.json, "
                "or a name of the hub where there is a network)"
            ) from error


def _keeps_embedding(name: str, outputs: int | None) -> None:
    if outputs is not None:
        raise TargetError(f"{name} answers with its own embedding, not with {outputs} values")


def _package(name: str) -> Any:
    """An optional package, imported on first use.

    Raises:
        TargetError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TargetError(
            f"targets {name}:… need the package {name}, which is not installed ({error}): pip install "
            f"{_DISTRIBUTIONS[name]}"
        ) from error
