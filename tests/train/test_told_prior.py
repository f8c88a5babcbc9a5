"""Priors that are told captions: their training, what is stored, and what an attack makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import pytest
import torch

from keyhole.nn.text_tower import TextTower
from keyhole.priors.prior import load_prior
from keyhole.priors.text import TextEncoder
from keyhole.service.errors import UsageError
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior.command import prior
from keyhole.train.prior.diffusion import denoising_loss, new_unet, sample
from keyhole.train.prior.told_diffusion import Descriptions, ToldDiffusionTraining
from tests.train.test_prior import SIZE, settings

_WORDS = ("a red board", "a blue board")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoder")
    TextTower.fresh(_WORDS * 20, width=8, layers=1, embedding=4, length=6).save(folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Path:
    root = tmp_path_factory.mktemp("told")
    chosen = settings(root, text=encoder)
    for number, path in enumerate(sorted(chosen_pictures(Path(chosen.data)))):
        path.with_suffix(".txt").write_text(_WORDS[number % 2])
    assert prior(chosen) == 0
    return root / "out"


def chosen_pictures(folder: Path) -> list[Path]:
    return list(folder.rglob("*.png"))


def test_attacks_take_what_was_trained_with_a_text_and_without(made: Path) -> None:
    plain, told = load_prior(str(made)), load_prior(str(made), text=_WORDS[0])
    assert plain.denoiser.width == 8
    latents = torch.randn(2, 3, SIZE // 2, SIZE // 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        silent, heard = (each.denoiser.predict_noise(latents, 500) for each in (plain, told))
        zeros = plain.denoiser.predict_noise(latents, 500, torch.zeros(2, 6, 8))
    assert torch.allclose(silent, zeros, atol=1e-5)
    assert not torch.allclose(silent, heard, atol=1e-5)
    index = json.loads((made / "model_index.json").read_text())
    assert index["unet"] == ["diffusers", "UNet2DConditionModel"]
    diffusers.UNet2DConditionModel.from_pretrained(made / "unet", local_files_only=True)
    card = json.loads((made / "card.json").read_text())
    assert {"denoising_loss", "denoising_loss_told"} <= card["figures"].keys()
    assert card["recipe"]["text_dropout"] == 0.1
    assert "UNet2DConditionModel" in (made / "README.md").read_text()


def test_captions_are_left_out_as_often_as_is_said(encoder: Path) -> None:
    descriptions = Descriptions(encoder, TextEncoder.load(encoder), [_WORDS[0]] * 40, [])
    training = ToldDiffusionTraining(
        new_unet(2, 4, (8, 16), text_width=8), torch.randn(40, 2, 4, 4), descriptions, dropout=0.25, steps=10, batch=20,
        every=10, optimisation=Optimisation(1e-3), look=lambda _: "",
    )  # fmt: skip
    batches = list(training.batches(0, 10))
    empty = torch.cat([(batch.texts == 0).flatten(1).all(1) for batch in batches])
    assert 0.15 < float(empty.float().mean()) < 0.35
    assert torch.allclose(batches[0].texts[~empty[:20]][0], TextEncoder.load(encoder)([_WORDS[0]])[0], atol=1e-5)
    assert training.losses(training.module, batches[0])["velocity"].isfinite()


def test_it_learns_what_captions_say(encoder: Path) -> None:
    """Latents whose sign the caption tells: told, the network knows them before any is left in the noise."""
    signs = torch.tensor([1.0, -1.0] * 32)
    latents = signs[:, None, None, None] * torch.ones(64, 2, 4, 4)
    captions = [_WORDS[number % 2] for number in range(64)]
    descriptions = Descriptions(encoder, TextEncoder.load(encoder), captions, [])
    torch.manual_seed(0)
    network = new_unet(2, 4, (8, 16), text_width=descriptions.width)
    training = ToldDiffusionTraining(
        network, latents, descriptions, dropout=0.1, steps=150, batch=16, every=150,
        optimisation=Optimisation(5e-3), look=lambda _: "",
    )  # fmt: skip
    adam = torch.optim.Adam(network.parameters(), lr=5e-3)
    for batch in training.batches(0, 150):
        adam.zero_grad()
        training.losses(network, batch)["velocity"].backward()
        adam.step()
    texts = descriptions.embedded(captions)
    assert denoising_loss(network, latents, 0, texts=texts) < 0.8 * denoising_loss(network, latents, 0)
    assert sample(network, (1, 2, 4, 4), 0, steps=2).isfinite().all()


def test_settings_that_no_training_can_use_are_refused(tmp_path: Path, encoder: Path) -> None:
    with pytest.raises(UsageError, match="a prior of kind gan takes no text"):
        settings(tmp_path, kind="gan", text=encoder)
    with pytest.raises(UsageError, match="--text-dropout 1: expected a probability below 1"):
        settings(tmp_path, text_dropout=1.0)
    with pytest.raises(UsageError, match="have no caption, which --text takes"):
        prior(settings(tmp_path, text=encoder))
    with pytest.raises(UsageError, match="the pictures of leaves have no captions"):
        prior(settings(tmp_path, text=encoder, data="leaves"))
    with pytest.raises(UsageError, match="has no text_encoder/, which a text goes through"):
        prior(settings(tmp_path, text=tmp_path))
