"""Coordinates in which latents of pictures are white."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.generators.latents import PICTURES, Decoder, WhiteLatents
from keyhole.metrics import psnr
from tests.attacks.test_refined import known
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of


@pytest.fixture
def white() -> WhiteLatents:
    return WhiteLatents(Decoder(known().prior().autoencoder, SIZE), lambda: pictures(PICTURES))


def test_every_latent_has_its_variable(white: WhiteLatents) -> None:
    latents = white.encode(pictures(3, seed=1))
    variable = white.variable(latents)
    torch.testing.assert_close(white.latents(variable), latents, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(white(variable), white.decoder(latents), atol=1e-4, rtol=1e-4)
    assert variable.shape == white.start(3, torch.Generator()).shape


@pytest.mark.parametrize("size", [(16, 32), (32, 16), (24, 20)])
def test_pictures_may_be_higher_than_wide(size: tuple[int, int]) -> None:
    shown = torch.nn.functional.interpolate(pictures(PICTURES), size, mode="bilinear")
    white = WhiteLatents(Decoder(known().prior().autoencoder, size), lambda: shown)
    variable = white.start(2, torch.Generator().manual_seed(0))
    assert white(variable).shape == (2, 3, *size)
    latents = white.encode(shown[:2])
    torch.testing.assert_close(white.latents(white.variable(latents)), latents, atol=1e-4, rtol=1e-4)


def test_variables_of_the_pictures_spread_alike_in_every_coordinate(white: WhiteLatents) -> None:
    """Against covariances counted in space, without a Fourier transform of the variable's own."""
    latents = white.encode(pictures(PICTURES))
    spectra = torch.view_as_complex(white.variable(latents))
    power = torch.einsum("nchw,ndhw->hwcd", spectra, spectra.conj()) / PICTURES
    identity = torch.eye(latents.shape[1]).expand(power.shape)
    strong = torch.linalg.eigvalsh(white.roots).amin(-1) > 0.1
    assert strong.any()
    torch.testing.assert_close(power[strong].real, identity[strong], atol=0.02, rtol=0)

    drawn = torch.randn(4000, *white.start(1, torch.Generator()).shape[1:]) / 2**0.5
    drawn[..., 0, 0, :] *= 2**0.5 * torch.tensor([1.0, 0.0])  # the mean is real
    made = white.latents(drawn)
    of_pictures, of_noise = (x.square().mean((0, 2, 3)) for x in (latents, made))
    torch.testing.assert_close(of_noise, of_pictures, atol=0, rtol=0.3)


def test_a_start_is_nearly_the_mean_picture(white: WhiteLatents) -> None:
    start = white.start(2, torch.Generator().manual_seed(0))
    nothing = white.decode(torch.zeros_like(white.latents(start)))
    assert float((white(start) - nothing).abs().max()) < 0.1


def test_the_strong_decoder_attack_works_in_them() -> None:
    box, truth = known(), pictures(2, seed=5)
    made = recipe_of("decoder-white").make(box, RunSettings(Budget(200), watch=Watch(0.0)))
    assert isinstance(made.generator, WhiteLatents)
    assert made.latents.generator is made.generator
    estimates = list(made.reconstruct(frames(box, truth)))
    pixels, begun, done = estimates[149], estimates[150], estimates[-1]
    assert done.loss < begun.loss
    assert psnr(done.pictures, truth).mean() > psnr(begun.pictures, truth).mean() + 3
    assert psnr(done.pictures, truth).mean() > psnr(pixels.pictures, truth).mean()


def test_attacks_that_know_the_same_look_at_the_pictures_once() -> None:
    autoencoder, opened = known().prior().autoencoder, 0

    def public() -> Tensor:
        nonlocal opened
        opened += 1
        return pictures(PICTURES)

    one, other = (WhiteLatents(Decoder(autoencoder, SIZE, multiple), public) for multiple in (1, 2))
    assert one.decoder.shape == other.decoder.shape
    assert one.roots is other.roots
    larger = WhiteLatents(Decoder(autoencoder, SIZE, one.decoder.shape[-1] + 2), public)
    assert larger.roots.shape != one.roots.shape
    assert opened == 2
