"""The mirror network: any payload in, pictures out, and it learns."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from keyhole.nn.mirror import MirrorNetwork
from keyhole.sizes import height_width

payloads = st.one_of(
    st.tuples(st.integers(1, 8), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(1, 40), st.integers(1, 16)),
    st.tuples(st.integers(1, 40)),
)


@given(st.lists(payloads, min_size=1, max_size=3), st.sampled_from([16, 24, 31]), st.sampled_from([None, 1, 7]))
@settings(deadline=None, max_examples=40)
def test_any_payload_gives_pictures_of_the_size(shapes, size, layers):
    network = MirrorNetwork(shapes, size, layers)
    tensors = [torch.rand(2, *shape) for shape in shapes]
    network.standardise(tensors)
    pictures = network(*tensors)
    assert pictures.shape == (2, 3, size, size)
    assert pictures.isfinite().all()


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((64, 32, 32), 128),
        ((128, 16, 16), 128),
        ((256, 8, 8), 128),
        ((197, 192), 224),
        ((14, 14, 96), 224),
        ((512,), 64),
        ((128, 32, 16), (256, 128)),
        ((129, 192), (256, 128)),
    ],
)
def test_payloads_of_known_models(shape, size):
    network = MirrorNetwork([shape], size).eval()
    assert network(torch.rand(1, *shape)).shape == (1, 3, *height_width(size))


@pytest.mark.parametrize("size", [24, 31])
def test_it_resizes_what_autocast_makes_of_its_layers(size):
    network = MirrorNetwork([(8, 7, 7)], size)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(torch.rand(2, 8, 7, 7)).mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.body.parameters())


@pytest.mark.parametrize("layers", [3, 5, 9])
def test_it_has_a_transposed_convolution_for_each_layer_of_the_head(layers):
    network = MirrorNetwork([(128, 16, 16)], 128, layers)
    assert sum(isinstance(module, nn.ConvTranspose2d) for module in network.modules()) == layers


def test_it_starts_from_grey():
    pictures = MirrorNetwork([(4, 8, 8)], 16)(torch.rand(2, 4, 8, 8))
    assert torch.equal(pictures, torch.full_like(pictures, 0.45))


def test_channels_of_any_scale_count_alike():
    torch.manual_seed(0)
    features = torch.rand(4, 3, 8, 8)
    network = MirrorNetwork([(3, 8, 8)], 16).eval()
    nn.init.normal_(network.body[-1].weight, std=0.1)
    network.standardise([features])
    before = network(features)
    scaled = features * torch.tensor([0.1, 1.0, 10.0])[:, None, None] + 1
    network.standardise([scaled])
    assert torch.allclose(network(scaled), before, atol=1e-3)


def test_a_constant_channel_does_no_harm():
    network = MirrorNetwork([(2, 8, 8)], 16)
    network.standardise([torch.ones(3, 2, 8, 8)])
    assert network(torch.ones(3, 2, 8, 8)).isfinite().all()


def test_it_learns_what_no_linear_map_can():
    torch.manual_seed(0)
    pictures = F.interpolate(torch.rand(32, 3, 4, 4), 16, mode="bilinear")
    features = F.pixel_unshuffle((2 * pictures - 1) ** 3, 2)
    network = MirrorNetwork([features.shape[1:]], 16)
    network.standardise([features])
    adam = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        adam.zero_grad()
        loss = F.mse_loss(network(features), pictures)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="expected tensors of shapes"):
        MirrorNetwork([(4, 8, 8)], 16)(torch.rand(1, 4, 4, 4))


def test_a_channel_that_speaks_up_after_the_first_pictures_does_not_outweigh_the_others():
    torch.manual_seed(0)
    typical, later = torch.randn(8, 4, 6, 6), torch.randn(8, 4, 6, 6)
    typical[:, 1] = 0
    network = MirrorNetwork([(4, 6, 6)], 24)
    network.standardise((typical,))
    sizes = network.maps((later,)).square().mean((0, 2, 3)).sqrt()
    assert sizes.max() < 2 * sizes.min()
    lively = typical[:, [0, 2, 3]]
    torch.testing.assert_close(
        network.maps((typical,))[:, [0, 2, 3]],
        (lively - lively.mean((0, 2, 3), keepdim=True)) / lively.std((0, 2, 3), keepdim=True, correction=0),
    )
