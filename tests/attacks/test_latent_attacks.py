"""The optimiser through a prior's decoder and through its sampler, on priors of random weights."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.base import Budget, RunSettings, Watch, WhiteBox
from keyhole.attacks.features.objective import LATENT, NOISE, PAPER
from keyhole.attacks.features.white_box import WhiteBoxAttack
from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings
from keyhole.generators.diffusion import Diffusion, normalised
from keyhole.generators.latents import Decoder, resized
from keyhole.metrics import psnr
from keyhole.priors.denoiser import ddim_sample
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError
from tests.attacks.tiny import frames, head, pictures, recipe_of
from tests.priors.tiny_priors import flux, stable, tiny

SIDE = 32


def known(folder, size=SIDE) -> WhiteBox:
    return WhiteBox(head(), lambda shown: (shown - 0.5) / 0.25, size, lambda: load_prior(str(folder)))


def contrasting(generator: Decoder) -> Decoder:
    """With the contrast of a picture, which random weights do not give."""
    plain = generator.autoencoder.to_picture
    with torch.no_grad():
        typical = generator(generator.start(8, torch.Generator().manual_seed(1)))
    mean, spread = typical.mean((0, 2, 3), keepdim=True), typical.std()

    def to_picture(latents):
        return 0.5 + 0.15 * (plain(latents) - mean) / spread

    return Decoder(replace(generator.autoencoder, to_picture=to_picture), SIDE)


def test_a_picture_that_the_decoder_can_make_is_recovered(tmp_path):
    box = known(tiny(tmp_path))
    generator = contrasting(Decoder(box.prior().autoencoder, SIDE))
    with torch.no_grad():
        truth = generator(generator.start(1, torch.Generator().manual_seed(9))).clamp(0, 1)
    estimates = list(
        WhiteBoxAttack(box, generator, LATENT, Budget(150), watch=Watch(0.0)).reconstruct(frames(box, truth))
    )
    assert estimates[-1].loss < estimates[0].loss / 10
    assert psnr(estimates[-1].pictures, truth).item() > psnr(estimates[0].pictures, truth).item() + 3
    assert estimates[-1].passes == 0


def test_the_papers_recipe_through_diffusion_is_algorithm_1(tmp_path):
    box, seed = known(stable(tmp_path)), 3
    (seen,) = frames(box, pictures(1, size=SIDE))
    made = recipe_of("diffusion-white/paper").make(box, RunSettings(Budget(2), seed, Watch(1e9), sampling_steps=3))
    assert made.settings is PAPER
    *_, got = made.reconstruct([seen])
    assert got.passes == (2 + 1) * 3

    prior = box.prior()
    plan = prior.denoiser.schedule.steps(3)

    def picture(v):
        return prior.autoencoder.decode(ddim_sample(prior.denoiser, (v - v.mean()) / v.std(), plan))

    v = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(seed)).requires_grad_(True)
    adam = torch.optim.Adam([v], lr=0.1, betas=(0.9, 0.999))
    for _ in range(2):
        adam.zero_grad()
        x = picture(v)
        distance = ((box.head(box.normalise(x)) - seen.tensors[0]) ** 2).sum()
        variation = (x.diff(dim=2) ** 2).sum() + (x.diff(dim=3) ** 2).sum()
        (distance + 1.0 * variation / SIDE**2).backward()
        adam.step()
    assert torch.allclose(got.pictures, picture(v).detach().clamp(0, 1), atol=1e-4)


def test_recipes_bring_their_steps(tmp_path):
    box = known(stable(tmp_path))
    strong, paper, noise = (recipe_of(f"diffusion-white/{name}") for name in ("strong", "paper", "noise"))
    assert noise.make(box, RunSettings(Budget(1))).generator.passes == NOISE.sampling_steps == 4
    assert paper.make(box, RunSettings(Budget(1))).generator.passes == 20
    assert noise.make(box, RunSettings(Budget(1), sampling_steps=7)).generator.passes == 7
    assert (paper.steps(), strong.steps(), noise.steps()) == (1500, 600, 150)


def test_several_frames_do_not_touch_each_other(tmp_path):
    box = known(stable(tmp_path))
    generator = Diffusion(box.prior(), SIDE, steps=2)
    variable = generator.start(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(generator(variable)[:1], generator(variable[:1]), atol=1e-5)
    assert torch.allclose(normalised(variable)[:1], normalised(variable[:1]), atol=1e-6)


def test_heads_of_any_size_are_served(tmp_path):
    box = known(tiny(tmp_path), size=26)
    for generator in (Decoder(box.prior().autoencoder, 26), Diffusion(box.prior(), 26, steps=1)):
        variable = generator.start(2, torch.Generator().manual_seed(0))
        with torch.no_grad():
            assert generator(variable).shape == (2, 3, 26, 26)
    same = pictures(1, size=26)
    assert resized(same, 26) is same


def test_without_a_prior_it_is_said_what_to_give(tmp_path):
    box = WhiteBox(head(), lambda shown: shown, SIDE)
    for name in ("decoder-white", "diffusion-white"):
        with pytest.raises(UsageError, match="give --prior PATH"):
            recipe_of(name).make(box, RunSettings(Budget(1)))
    with pytest.raises(UsageError, match="has no unet/"):
        recipe_of("diffusion-white").make(known(flux(tmp_path)), RunSettings(Budget(1)))


def test_the_command_attacks_through_a_prior_and_counts_its_passes(tmp_path, capsys):
    shown = tmp_path / "pictures" / "audit"
    shown.mkdir(parents=True)
    transform.to_pil_image(pictures(1, size=SIDE)[0]).save(shown / "0.png")
    settings = AttackSettings(
        target="tests.system.tiny_target:tiny",
        source=str(shown.parent),
        cuts=("stem",),
        attacks=("diffusion-white/noise",),
        prior=str(stable(tmp_path / "prior")),
        sampling_steps=2,
        n=1,
        iterations=3,
        out=tmp_path / "kept",
        json=tmp_path / "scores.json",
    )
    for _ in range(2):
        assert attack(settings) == 0
        written = json.loads(settings.json.read_text())
        (row,) = written["rows"]
        assert (row["unet_passes"], row["sampling_steps"]) == ((3 + 1) * 2, 2)
    assert "passes" in capsys.readouterr().out
    (kept,) = (tmp_path / "kept").rglob("*.png")
    with Image.open(kept) as picture:
        assert picture.info["U-Net passes"] == "8"
