"""The priors in the package are what their cards say."""

from __future__ import annotations

import json
from itertools import islice

import pytest
import torch
from torch import Tensor, nn

from keyhole.attacks.base import WhiteBox
from keyhole.attacks.features.refined import RefinedRecipe
from keyhole.attacks.registry import ATTACKS, LADDERS
from keyhole.data.source import open_source
from keyhole.generators.base import with_latents
from keyhole.generators.diffusion import Diffusion
from keyhole.metrics.similarity import psnr
from keyhole.priors.folder import CARD, SHIPPED, shipped_priors
from keyhole.priors.prior import load_prior
from keyhole.service.files import checksum

LARGEST = 12e6


@pytest.mark.parametrize("name", shipped_priors())
def test_a_prior_gives_audit_pictures_back_as_well_as_its_card_says(name: str) -> None:
    card = json.loads((SHIPPED / name / CARD).read_text())
    source = open_source("streetcam", pool="audit", size=card["size"], seed=11)
    shown = torch.stack([sample.picture for sample in islice(source, 16)])
    autoencoder = load_prior(name).autoencoder
    with torch.no_grad():
        decoded = autoencoder.decode(autoencoder.encode(shown)).clamp(0, 1)
    assert card["figures"]["psnr"] >= 30
    assert float(psnr(decoded, shown).mean()) > card["figures"]["psnr"] - 1.5


@pytest.mark.parametrize("name", shipped_priors())
def test_a_priors_samples_are_as_varied_as_pictures(name: str) -> None:
    card = json.loads((SHIPPED / name / CARD).read_text())
    source = open_source("streetcam", pool="audit", size=card["size"], seed=12)
    shown = torch.stack([sample.picture for sample in islice(source, 16)])
    generator = Diffusion(load_prior(name), card["size"], steps=10)
    with torch.no_grad():
        made = generator(generator.start(16, torch.Generator().manual_seed(0))).clamp(0, 1)
    assert made.isfinite().all()
    for statistic in (Tensor.mean, Tensor.std, _between_pictures):
        assert float(statistic(made)) == pytest.approx(float(statistic(shown)), rel=0.5)


def _between_pictures(pictures: Tensor) -> Tensor:
    """Spread of a pixel from picture to picture, on average."""
    return pictures.std(0).mean()


def test_a_prior_is_small_and_whole() -> None:
    assert "streetcam" in shipped_priors()
    for name in shipped_priors():
        card = json.loads((SHIPPED / name / CARD).read_text())
        assert set(card["sha256"]) == {
            file.relative_to(SHIPPED / name).as_posix() for file in (SHIPPED / name).rglob("*.safetensors")
        }
        assert all(checksum(SHIPPED / name / file) == digest for file, digest in card["sha256"].items())
        assert sum((SHIPPED / name / file).stat().st_size for file in card["sha256"]) <= LARGEST


WAYS = {
    **{f"{name}/{recipe}": way.refined for name, ladder in LADDERS.items() for recipe, way in ladder.recipes.items()},
    **{
        f"{name}/{recipe}": way
        for name in ("decoder-white", "diffusion-white")
        for recipe, way in ATTACKS[name].recipes.items()
        if isinstance(way, RefinedRecipe)
    },
}


@pytest.mark.parametrize("name", WAYS)
def test_what_refines_a_networks_latent_has_the_networks_grid_at_any_size(name: str) -> None:
    """At 112 px a latent has 14×14 places, which no U-Net of three levels takes."""
    prior = load_prior("streetcam")
    known, way, shown = (
        WhiteBox(nn.Identity(), lambda x: x, 112, lambda: prior),
        WAYS[name],
        torch.zeros(1, 3, 112, 112),
    )
    first = with_latents(way.first.generator(known, 1))
    with torch.no_grad():
        assert first.encode(shown).shape == way.generator(known).encode(shown).shape
