"""A prior of a user's own, ``package.module:Class``, wherever ``--prior`` is taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2 import functional as transform

from keyhole.bench.plan import resolve
from keyhole.bench.settings import PlanSettings
from keyhole.cli import dispatch
from keyhole.priors.prior import load_prior, prior_hash
from keyhole.service.errors import UsageError
from tests.attacks.tiny import pictures

TARGET = "tests.system.tiny_target:tiny"
MODULE = """
import torch
from torch import nn
from torch.nn import functional

from keyhole.priors.autoencoder import Autoencoder, LatentScale
from keyhole.priors.denoiser import Denoiser
from keyhole.priors.prior import Prior
from keyhole.priors.schedule import read_schedule


class Noise(nn.Module):
    def forward(self, latents, timestep):
        return type("Output", (), {"sample": latents * 0.1})


class Thumbnails(Prior):
    def __init__(self, device):
        one = torch.ones((), device=device)
        autoencoder = Autoencoder(
            lambda pictures: functional.avg_pool2d(pictures, 4),
            lambda latents: functional.interpolate(latents, scale_factor=4, mode="bilinear"),
            LatentScale(one, 0 * one),
            channels=3,
            factor=4,
        )
        super().__init__(autoencoder, lambda: Denoiser(Noise(), read_schedule({}), 3, 1))


def no_denoiser(device):
    return Prior(Thumbnails(device).autoencoder, lambda: None)


class Smaller(Prior):
    def __init__(self, device):
        one = torch.ones((), device=device)
        super().__init__(Autoencoder(lambda x: x, lambda z: z, LatentScale(one, 0 * one), 3, 2), None)


def needs_more(device, weights):
    return Thumbnails(device)


def none(device):
    return None


def raw(device):
    return Prior(torch.nn.Identity(), None)
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "own_priors.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "own_priors", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def source(here):
    place = here / "pictures" / "audit"
    place.mkdir(parents=True)
    for number, picture in enumerate(pictures(2, size=32)):
        transform.to_pil_image(picture).save(place / f"{number}.png")
    return str(place.parent)


def test_an_attack_makes_its_pictures_through_it(source, here):
    arguments = ["--target", TARGET, "--cut", "stem", "--source", source, "--n", "2", "--iterations", "4"]
    attacks = ["--attacks", "decoder-white/paper", "diffusion-white/noise", "--sampling-steps", "2"]
    own = ["--prior", "own_priors:Thumbnails", "--json", "own.json"]
    assert dispatch(["attack", *arguments, *attacks, *own], {}) == 0
    rows = json.loads((here / "own.json").read_text())["rows"]
    assert [(row["attack"], row["prior"]) for row in rows] == [
        ("decoder-white", "own_priors:Thumbnails"),
        ("diffusion-white", "own_priors:Thumbnails"),
    ]
    assert rows[0]["prior_hash"] == prior_hash("own_priors:Thumbnails")
    assert rows[1]["unet_passes"] > 0


def test_benchmark_and_demo_accept_it_before_anything_runs(capsys):
    flags = {"targets": (f"{TARGET}@stem",), "attacks": ("diffusion-white",), "prior": "own_priors:Thumbnails"}
    assert resolve(PlanSettings(**flags)).settings.prior == "own_priors:Thumbnails"
    demo = ["--target", TARGET, "--cut", "stem", "--attacks", "diffusion-white", "--prior", "own_priors:Thumbnails"]
    assert dispatch(["check", *demo, "--out", "run"], {}) == 0
    assert "own_priors:Thumbnails" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_priors:Nothing", "cannot load 'own_priors:Nothing' as package.module:Name"),
        ("no_such_module:Prior", "No module named 'no_such_module'"),
        ("own_priors:needs_more", "when it is called with a torch.device: missing a required argument: 'weights'"),
        ("own_priors:MODULE", "has no attribute 'MODULE'"),
        ("own_priors:none", "must make a keyhole.priors.prior.Prior, got NoneType"),
        ("own_priors:raw", r"must be a keyhole\.priors\.autoencoder\.Autoencoder, got Identity"),
        ("own_priors:Smaller", "own_priors:Smaller makes of latents"),
    ],
)
def test_what_makes_no_prior_is_refused(name, message, capsys):
    with pytest.raises(UsageError, match=message):
        load_prior(name)
    arguments = ["--target", TARGET, "--cut", "stem", "--attacks", "decoder-white", "--prior", name]
    assert dispatch(["check", *arguments, "--out", "run"], {}) == 2
    assert name in capsys.readouterr().err


def test_its_denoiser_is_checked_when_an_attack_needs_it():
    prior = load_prior("own_priors:no_denoiser")
    assert prior.autoencoder.channels == 3
    with pytest.raises(UsageError, match=r"must load a keyhole\.priors\.denoiser\.Denoiser, got NoneType"):
        _ = prior.denoiser


def test_its_hash_follows_its_source(here: Path) -> None:
    before = prior_hash("own_priors:Thumbnails")
    (here / "own_priors.py").write_text(MODULE + "# another\n")
    assert prior_hash("own_priors:Thumbnails") != before
    assert torch.equal(
        load_prior("own_priors:Thumbnails").autoencoder.decode(torch.zeros(1, 3, 2, 2)), torch.zeros(1, 3, 8, 8)
    )
