"""``tail(head(x))`` is ``model(x)`` to the bit at every block boundary of the models that the papers cut."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import nn

from keyhole.partition import Survey, as_features, as_tuple, cut_at, points, split, survey
from keyhole.partition.cutting import same_bits
from tests.partition.models import build, conv_stem_vit, pictures, tiny_swin, tiny_vit

BATCHES = (1, 2, 5)


def check(surveyed: Survey, cuts: Iterable[str], size: int) -> None:
    with torch.no_grad():
        inputs = [pictures(batch, size) for batch in BATCHES]
        expected = [surveyed.model(batch) for batch in inputs]
        for cut in cuts:
            parts = cut_at(surveyed, cut)
            for batch, whole in zip(inputs, expected, strict=True):
                features = parts.head(batch)
                shapes = [tuple(tensor.shape) for tensor in as_tuple(features)]
                assert shapes == [(len(batch), *tensor.shape[1:]) for tensor in parts.plan.tensors]
                assert same_bits(parts.tail(features), whole), (cut, len(batch))


def stages(pattern: str, depths: dict[int, int]) -> list[str]:
    return [pattern.format(stage, block) for stage, depth in depths.items() for block in range(depth)]


MODELS: dict[str, tuple[int, dict[str, int], list[str]]] = {
    "resnet18": (32, {}, stages("layer{}.{}", {1: 2, 2: 2, 3: 2, 4: 2})),
    "resnet50": (32, {}, stages("layer{}.{}", {1: 3, 2: 4, 3: 6, 4: 3})),
    "vgg16": (32, {}, [f"features.{layer}" for layer in (0, 1, 4, 9, 16, 23, 30)]),
    "vit_b_16": (32, {"image_size": 32}, stages("encoder.layers.encoder_layer_{1}", {0: 12})),
    "swin_t": (32, {}, stages("features.{}.{}", {1: 2, 3: 2, 5: 6, 7: 2})),
    "timm:vit_tiny_patch16_224": (32, {"img_size": 32}, stages("blocks.{1}", {0: 12})),
    "timm:resnet18": (32, {}, stages("layer{}.{}", {1: 2, 2: 2, 3: 2, 4: 2})),
}


ALIASES = {
    "resnet18": {"L4": "layer1.1", "L8": "layer2.1", "L12": "layer3.1", "L16": "layer4.1"},
    "resnet50": {"L12": "layer2.0", "L24": "layer3.0", "L36": "layer3.4", "L48": "layer4.2"},
    "vgg16": {},
    "vit_b_16": {f"L{block}": f"encoder.layers.encoder_layer_{block - 1}" for block in (3, 4, 5, 8)},
    "swin_t": {},
    "timm:vit_tiny_patch16_224": {f"L{block}": f"blocks.{block - 1}" for block in (3, 4, 5, 8)},
    "timm:resnet18": {"L4": "layer1.1", "L8": "layer2.1", "L12": "layer3.1", "L16": "layer4.1"},
}


@pytest.mark.parametrize("name", MODELS)
def test_blocks_are_boundaries_with_the_papers_names_and_exact(name: str) -> None:
    size, arguments, blocks = MODELS[name]
    surveyed = survey(build(name, **arguments), pictures(1, size))
    assert set(surveyed.blocks.values()).issuperset(blocks)
    assert {alias: surveyed.name(surveyed.index(alias)) for alias in ALIASES[name]} == ALIASES[name]
    check(surveyed, blocks, size)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_around_the_blocks_too(layout: torch.memory_format) -> None:
    model = build("resnet18").to(memory_format=layout)
    names = [point.cut for point in points(model, pictures(1, 32))]
    others = ["input", "conv1", "bn1", "relu", "maxpool", "avgpool", "fc"]
    assert set(others).issubset(names)
    check(survey(model, pictures(1, 32)), others, 32)


def test_after_a_convolutional_stem() -> None:
    cuts = ["patch_embed.convolutions.2", "patch_embed.projection", "patch_embed", "blocks.0", "blocks.11"]
    check(survey(conv_stem_vit(), pictures(1, 32)), cuts, 32)


def test_with_channels_last() -> None:
    for name in ("resnet18", "resnet50", "timm:resnet18"):
        size, arguments, blocks = MODELS[name]
        check(survey(build(name, **arguments).to(memory_format=torch.channels_last), pictures(1, size)), blocks, size)


@pytest.mark.parametrize("make", [tiny_vit, tiny_swin])
def test_inside_transformer_blocks(make: Callable[[], nn.Module]) -> None:
    """Exact also where a tensor's memory order is not that of its dimensions, and where windows are in the batch."""
    model, inputs = make(), pictures(3, 32)
    surveyed = survey(model, inputs)
    cuts = [point.cut for point in points(model, inputs, every=True)]
    assert len(cuts) > 30
    for cut in cuts[::2]:
        parts = cut_at(surveyed, cut)
        with torch.no_grad():
            whole = model(inputs)
            features = as_tuple(parts.head(inputs))
            assert torch.equal(parts.tail(as_features(features)), whole), cut
            as_bytes = [torch.tensor(tensor.tolist()) for tensor in features]
            assert torch.equal(parts.tail(as_features(as_bytes)), whole), cut
            frames = [as_tuple(parts.head(picture[None])) for picture in inputs]
            together = [torch.cat(tensors) for tensors in zip(*frames, strict=True)]
            torch.testing.assert_close(parts.tail(as_features(together)), whole, rtol=1e-4, atol=1e-4)


def test_two_live_tensors_cross_inside_a_residual_block() -> None:
    parts = split(build("resnet18"), "layer1.0.conv1", pictures(1, 32))
    assert parts.plan.live == ("maxpool", "layer1.0.conv1")
    assert [tensor.shape for tensor in parts.plan.tensors] == [(1, 64, 8, 8), (1, 64, 8, 8)]
    features = parts.head(pictures(2, 32))
    assert isinstance(features, tuple)
    assert len(features) == 2


def test_every_operation_of_a_residual_network_leaves_the_features_as_they_are() -> None:
    model = build("resnet18")
    surveyed = survey(model, pictures(1, 32))
    for cut in ("conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu", "layer1.0.bn2", "layer2.0.add"):
        parts = cut_at(surveyed, cut)
        with torch.no_grad():
            features = parts.head(pictures(2, 32))
            kept = [tensor.clone() for tensor in as_tuple(features)]
            first, second = parts.tail(features), parts.tail(features)
            assert torch.equal(first, model(pictures(2, 32)))
        assert all(torch.equal(tensor, copy) for tensor, copy in zip(as_tuple(features), kept, strict=True)), cut
        assert torch.equal(first, second), cut
