"""The paper's inversion network: any payload in, any generator's input out, equally many parameters."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from keyhole.nn.unet import PARAMETERS, PER_CHANNEL, InversionUNet, Sides

PAYLOADS = {
    "maps": [(64, 56, 56)],
    "deep maps": [(512, 4, 4)],
    "class token and 14×14": [(197, 768)],
    "channels last": [(14, 14, 96)],
    "vector": [(512,)],
    "two tensors": [(8, 16, 16), (24, 8, 8)],
    "oblong": [(8, 12, 7)],
}
OUTPUTS = {"DMB, DB": (4, 64, 64), "small latent": (32, 16, 16), "odd": (3, 5, 5), "DO": (3, 128, 128)}


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("shapes", PAYLOADS.values(), ids=PAYLOADS)
def test_variants_have_equally_many_parameters(shapes):
    counts = [parameters(InversionUNet(shapes, output)) for output in OUTPUTS.values()]
    assert max(counts) / min(counts) < 1.005
    asked = PARAMETERS + PER_CHANNEL * InversionUNet(shapes, (4, 8, 8)).layout.channels
    assert 0.995 * asked < min(counts) <= max(counts) <= asked


@pytest.mark.parametrize("shapes", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_any_payload_to_any_variable(shapes, output):
    network = InversionUNet(shapes, output, parameters=60_000)
    assert network(*(torch.randn(2, *shape) for shape in shapes)).shape == (2, *output)


@settings(max_examples=6, deadline=None)
@example([[1, 1]], 1, 1, 4)
@example([[3, 2]], 1, 1, 40)
@given(
    st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=4), min_size=1, max_size=3),
    st.integers(1, 8),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_whatever_the_shapes(shapes, channels, height, width):
    network = InversionUNet([tuple(shape) for shape in shapes], (channels, height, width), parameters=90_000)
    assert network(*(torch.randn(2, *shape) for shape in shapes)).shape == (2, channels, height, width)


def test_the_example_of_figure_7():
    network = InversionUNet([(64, 56, 56)], (4, 64, 64))
    assert network.sides.first == (64, 64)
    kinds = [type(layer) for layer in network.modules() if not list(layer.children())]
    assert set(kinds) == {nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU}
    assert kinds.count(nn.BatchNorm2d) == kinds.count(nn.Conv2d) + kinds.count(nn.ConvTranspose2d) - 1


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 2, 3]))
def test_sides_meet(payload, output, tallness):
    payloads, outputs = (payload * tallness, payload), (output * tallness, output)
    sides = Sides.between(payloads, outputs)
    assert all(own << sides.doublings >= side for own, side in zip(sides.coarse, outputs, strict=True))
    assert min(sides.halvings, sides.doublings) in (1, 2, 3)
    if 1 / 8 <= output / payload <= 8 and min(payload, output) >= 16:
        assert all(0.6 < first / side < 1.8 for first, side in zip(sides.first, payloads, strict=True))


def test_every_part_of_the_payload_and_every_weight_counts():
    shapes = [(6, 8, 8), (4, 4, 4)]
    network = InversionUNet(shapes, (4, 4, 4), parameters=60_000)
    tensors = [torch.randn(4, *shape, requires_grad=True) for shape in shapes]
    network(*tensors).square().sum().backward()
    assert all(tensor.grad.abs().sum() > 0 for tensor in tensors)
    moved = [name for name, weight in network.named_parameters() if not weight.grad.abs().sum() > 0]
    assert not moved


def test_too_few_parameters_are_refused():
    with pytest.raises(ValueError, match="parameters: too few"):
        InversionUNet([(1, 8, 8)], (3, 64, 64), parameters=100)


def test_other_payloads_are_refused():
    network = InversionUNet([(4, 8, 8)], (4, 4, 4), parameters=60_000)
    with pytest.raises(ValueError, match="expected tensors of shapes"):
        network(torch.zeros(1, 4, 4, 4))
