"""Where attacks compute: what is asked for, and that nothing is left behind on another device."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from keyhole.attacks.base import Observation
from keyhole.attacks.features.guided import Smoothed, clipped, guided_step, renoised
from keyhole.attacks.features.objective import STRONG, relative_distance
from keyhole.attacks.features.own_head import observed_of
from keyhole.generators.diffusion import Diffusion
from keyhole.generators.latents import Decoder
from keyhole.generators.pixels import Pixels, SpectralPixels
from keyhole.nn.device import CPU, device_named
from keyhole.priors import autoencoder, denoiser
from keyhole.priors.networks import load_network
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError
from tests.attacks.tiny import SIZE, head
from tests.priors.tiny_priors import stable, tiny, unconditional

GPU = torch.device("cuda")


def test_a_gpu_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device_named(name) for name in ("auto", "cuda", "cpu")] == [GPU, GPU, CPU]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [device_named(name) for name in ("auto", "cpu")] == [CPU, CPU]
    with pytest.raises(UsageError, match=r"--device cuda: torch .* finds no GPU here; give --device cpu or auto"):
        device_named("cuda")


@pytest.fixture
def pretended(monkeypatch):
    """Tensors that know their device and refuse to meet another's, and hold no numbers; weights are read before."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def moved(network, device):
        with mode:
            for module in network.modules():
                for name, weight in module._parameters.items():
                    if weight is not None:
                        module._parameters[name] = torch.nn.Parameter(mode.from_tensor(weight).to(device), False)
                for name, buffer in module._buffers.items():
                    module._buffers[name] = mode.from_tensor(buffer).to(device)
        return network

    def load(place, kind):
        with unset_fake_temporarily():
            network = load_network(place, kind)
        network.to = partial(moved, network)
        return network

    monkeypatch.setattr(autoencoder, "load_network", load)
    monkeypatch.setattr(denoiser, "load_network", load)
    return mode, moved


@pytest.mark.parametrize("make", [stable, tiny, unconditional])
@pytest.mark.parametrize("name", ["pixels", "spectral", "decoder", "diffusion"])
def test_what_is_optimised_stays_on_the_device(tmp_path, pretended, make, name):
    folder, (mode, moved) = str(make(tmp_path)), pretended
    with mode:
        prior = load_prior(folder, device=GPU)
    generators = {
        "pixels": lambda: Pixels(SIZE),
        "spectral": lambda: SpectralPixels(SIZE, device=GPU),
        "decoder": lambda: Decoder(prior.autoencoder, SIZE),
        "diffusion": lambda: Diffusion(prior, SIZE, 2),
    }
    generator, ours, frame = generators[name](), moved(head(), GPU), Observation("a", (torch.zeros(1, 12, 8, 8),))
    with mode:
        observed = observed_of([frame], GPU)
        variable = generator.start(1, torch.Generator()).to(GPU)
        pictures = generator(variable)
        features = ours((pictures - 0.5) / 0.25)
        losses = relative_distance((features,), observed) + STRONG.smoothness(pictures)
    assert {tensor.device.type for tensor in (pictures, features, losses)} == {"cuda"}


def test_a_guided_step_stays_on_the_device(tmp_path, pretended):
    folder = str(stable(tmp_path))
    with pretended[0]:
        prior = load_prior(folder, device=GPU)
    plan = Diffusion(prior, SIZE, 2).plan
    with pretended[0]:
        latents, noise = torch.zeros(2, 1, 4, 8, 8, device=GPU)
        predicted = prior.denoiser.predict(latents, plan[0].timestep)
        direction = Smoothed()(clipped(torch.ones_like(latents), 0.02))
        ahead = guided_step(predicted, plan[0], noise, direction, 0.2)
        assert renoised(ahead, plan[0], noise).device.type == "cuda"
