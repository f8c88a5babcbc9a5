"""``keyhole train prior --kind cdm``: labels, sampler and fine-tuning against independent ones, and what is left."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import diffusers
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from keyhole.attacks.classes.losses import loss_named
from keyhole.priors.conditional import ConditionalDenoiser, ConditionalSampler, load_conditional
from keyhole.priors.schedule import read_schedule
from keyhole.service.errors import UsageError
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior import command, conditional
from keyhole.train.prior.conditional import schedule_of
from keyhole.train.prior.diffusion import new_unet
from keyhole.train.prior.kinds import train_prior
from keyhole.train.prior.labelled_diffusion import LabelledDiffusionTraining
from keyhole.train.prior.tuning import (
    LABELS,
    Tuned,
    TuningTraining,
    layers_of_the_middle,
    most_changed,
    relative_changes,
)
from tests.attacks.tiny_classes import CLASSES, SIDE, white_box
from tests.train.generator_making import settings

TINY = {
    **{"latent_channels": 3, "halved": 0.0, "unet_widths": (8, 16), "widths": (12,), "blocks": (1,)},
    **{"steps": 3, "unet_steps": 6, "batch": 4, "unet_batch": 4, "tuning_steps": 5, "tuning_survey": 2},
    **{"tuning_batch": 2, "tuning_sampler": 3, "tuning_learning_rate": 1e-2, "tuning_loss": "top-k:k=2,p-reg=0.1"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdm")
    assert train_prior(settings(folder, "cdm", **TINY)) == 0
    return folder


class Linear(nn.Module):
    """A U-Net that answers a multiple of its input, another for each label."""

    def forward(self, latents: Tensor, timesteps: Tensor, class_labels: Tensor) -> SimpleNamespace:
        factor = 0.1 * (1 + class_labels) + timesteps / 10_000
        return SimpleNamespace(sample=factor.view(-1, 1, 1, 1) * latents)


def test_guidance_weighs_the_answers_with_and_without_label() -> None:
    denoiser = ConditionalDenoiser(Linear(), read_schedule({"prediction_type": "epsilon"}), classes=4)
    latents, times, labels = torch.randn(3, 2, 4, 4), torch.tensor([10, 400, 900]), torch.tensor([0, 3, 1])
    noise = denoiser.predict(latents, times, labels, guidance=3.0).noise
    for at in range(3):
        time = float(times[at]) / 10_000
        factor = 3 * (0.1 * (1 + int(labels[at])) + time) - 2 * (0.1 * (1 + 4) + time)
        assert torch.allclose(noise[at], factor * latents[at], atol=1e-5)
    alone = denoiser.predict(latents[1:2], times[1:2], labels[1:2], guidance=3.0)
    assert torch.allclose(alone.noise[0], noise[1], atol=1e-6)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_sampler_is_ddim(eta: float) -> None:
    """Against diffusers' own scheduler, given the same noise."""
    facts = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": not eta, "timestep_spacing": "trailing"}
    facts |= {"beta_schedule": "scaled_linear", "clip_sample": False}
    denoiser = ConditionalDenoiser(Linear(), read_schedule(facts), classes=4)
    start, labels = torch.randn(2, 2, 4, 4), torch.tensor([0, 3])
    draws = [torch.randn(2, 2, 4, 4) for _ in range(5)]
    told: list[tuple[int, Tensor]] = []
    handed = iter(draws)
    made = ConditionalSampler(denoiser, denoiser.schedule.steps(5), 2.0, eta)(
        start, labels, lambda: next(handed), lambda left, clean: told.append((left, clean))
    )
    scheduler = diffusers.DDIMScheduler(**facts)
    scheduler.set_timesteps(5)
    latents = start
    for time, draw, (left, clean) in zip(scheduler.timesteps, draws, told, strict=True):
        output = (
            2 * Linear()(latents, time.expand(2), labels).sample
            - Linear()(latents, time.expand(2), torch.full((2,), 4)).sample
        )
        step = scheduler.step(output, time, latents, eta=eta, variance_noise=draw)
        assert torch.allclose(clean, step.pred_original_sample, atol=1e-4)
        assert left == 4 - len([1 for other in scheduler.timesteps if other > time])
        latents = step.prev_sample
    assert torch.allclose(made, latents, atol=1e-4)


def test_the_sampler_starts_from_noise_alone_with_new_noise_too() -> None:
    """diffusers' own scheduler takes the root of a number just below 0 there."""
    denoiser = ConditionalDenoiser(Linear(), schedule_of(), classes=4)
    start = torch.randn(2, 2, 4, 4)
    made = ConditionalSampler(denoiser, denoiser.schedule.steps(5), 2.0, 1.0)(
        start, torch.tensor([0, 3]), lambda: torch.randn(2, 2, 4, 4)
    )
    assert made.isfinite().all()


def test_labels_are_left_out_picture_by_picture() -> None:
    pairs = torch.stack([torch.arange(8), torch.arange(8) % 4], dim=1)
    plan = LabelledDiffusionTraining(
        nn.Identity(),
        torch.arange(8.0).view(8, 1, 1, 1),
        pairs,
        none=4,
        null_label=0.25,
        **{"steps": 50, "batch": 16, "every": 50, "optimisation": Optimisation(1e-3), "look": lambda _: ""},
    )
    shares = []
    for batch in plan.batches(0, 50):
        assert batch.labels is not None
        own = batch.latents.flatten().long() % 4
        assert ((batch.labels == own) | (batch.labels == 4)).all()
        shares.append(float((batch.labels == 4).double().mean()))
    assert sum(shares) / 50 == pytest.approx(0.25, abs=0.06)
    assert any(0 < share < 1 for share in shares)


def test_the_layers_of_the_largest_relative_change_are_chosen() -> None:
    network = new_unet(3, 8, (8, 16), CLASSES + 1)
    layers = layers_of_the_middle(network)
    kinds = {type(network.get_submodule(layer)).__name__ for layer in layers}
    assert kinds == {"GroupNorm", "Conv2d", "Linear"}
    assert len(layers) == 15  # 13 in the paper, which counts query, key and value as one
    moved = deepcopy(network)
    with torch.no_grad():
        for factor, layer in zip((1.5, 1.1, 1.3), layers[3:6], strict=True):
            for weight in moved.get_submodule(layer).parameters():
                weight.mul_(factor)
    changes = relative_changes(network, moved, layers)
    assert changes[layers[3]] == pytest.approx(0.5, abs=1e-4)
    assert changes[layers[0]] == 0
    assert most_changed(changes, 2) == (layers[3], layers[5])


def test_tuning_moves_what_it_may_and_lowers_the_targets_loss() -> None:
    """Through the sampler, with latents that are pictures."""
    known = white_box()
    torch.manual_seed(0)
    network = new_unet(3, SIDE, (8, 16), CLASSES + 1)
    before = deepcopy(network)
    tuned = Tuned(
        *(schedule_of(), CLASSES, (3, SIDE, SIDE), lambda latents: 0.5 + latents / 4, known.classify),
        *(loss_named("max-margin").ready(known), 3, 2, 1.0),
    )
    layers = layers_of_the_middle(network)[::2]
    plan = TuningTraining(
        network,
        (LABELS, *layers),
        tuned,
        **{"steps": 30, "batch": 12, "every": 30, "optimisation": Optimisation(1e-2), "look": lambda _: ""},
    )

    def loss(network: nn.Module) -> float:
        with torch.no_grad():
            return sum(float(plan.losses(network, batch)["target"]) for batch in plan.batches(100, 104))

    adam = torch.optim.Adam([weight for weight in network.parameters() if weight.requires_grad], 3e-2)
    for batch in plan.batches(0, 30):
        adam.zero_grad()
        plan.losses(network, batch)["target"].backward()
        adam.step()
    assert loss(network) < loss(before) - 1
    moved = {
        name.rpartition(".")[0]
        for (name, old), new in zip(before.named_parameters(), network.parameters(), strict=True)
        if not torch.equal(old, new)
    }
    assert moved == {LABELS, *layers}


def test_what_was_trained_is_opened_and_its_card_says_what_was_tuned(root: Path) -> None:
    found = load_conditional(root / "out")
    card = found.card
    assert card.latent == (3, 8, 8)
    assert card.classes == CLASSES
    assert len(card.target_hash) == 16
    assert len(card.tuned) == 5
    assert all(name.startswith("mid_block.") and change > 0 for name, change in card.tuned.items())
    assert list(card.tuned.values()) == sorted(card.tuned.values(), reverse=True)
    assert {"psnr", "denoising_loss", "denoising_loss_labelled", "liked", "liked_before_tuning"} <= card.figures.keys()
    parts = {f"{part}/diffusion_pytorch_model.safetensors" for part in ("vae", "unet")}
    assert set(card.sha256) == {*parts, "untuned.safetensors"}
    latents, labels = torch.randn(2, 3, 8, 8), torch.tensor([0, 5])
    sampler = ConditionalSampler(found.denoiser, found.denoiser.schedule.steps(3), 3.0)
    made = found.autoencoder.decode(sampler(latents, labels))
    assert made.shape == (2, 3, SIDE, SIDE)
    alone = found.autoencoder.decode(sampler(latents[1:], labels[1:]))
    assert torch.allclose(alone[0], made[1], atol=1e-4)
    assert (root / "out" / "samples.jpg").is_file()
    with pytest.raises(UsageError, match="of kind cdm: expected gan"):
        conditional.GeneratorCard.read(root / "out", "gan")


@pytest.mark.parametrize("stage", ["unet", "survey", "tuning"])
def test_a_stopped_training_ends_where_an_unbroken_one_does(
    root: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    class KilledError(Exception):
        pass

    flags = settings(root, "cdm", f"stopped-{stage}", **{**TINY, "every": 1 if stage == "survey" else 4})
    name = "LabelledDiffusionTraining" if stage == "unet" else "TuningTraining"
    training = getattr(conditional, name)
    total = {"unet": 6, "survey": 2, "tuning": 5}[stage]

    class Killed(training):  # type: ignore[misc, valid-type]
        def batches(self, first: int, last: int):
            if first and self.steps == total:
                raise KilledError
            return super().batches(first, last)

    with monkeypatch.context() as patch:
        patch.setattr(conditional, name, Killed)
        with pytest.raises(KilledError):
            train_prior(flags)
    assert train_prior(flags) == 0
    file = Path("unet") / "diffusion_pytorch_model.safetensors"
    unbroken, resumed = load_file(root / "out" / file), load_file(flags.out / file)
    for key, value in unbroken.items():
        torch.testing.assert_close(resumed[key], value, rtol=2e-3, atol=2e-3)


def test_a_shipped_autoencoder_is_named_as_it_is(root: Path) -> None:
    given = command.given_autoencoder(settings(root, "cdm", autoencoder=Path("streetcam")))
    assert given is not None
    assert (given.channels, given.factor) == (24, 8)


def test_without_fine_tuning_and_with_a_loss_that_is_none(root: Path) -> None:
    plain = settings(root, "cdm", "plain", **{**TINY, "tuning_steps": 0, "autoencoder": root / "out"})
    assert train_prior(plain) == 0
    card = load_conditional(plain.out).card
    assert card.tuned == {}
    assert card.figures["liked"] == card.figures["liked_before_tuning"]
    with pytest.raises(UsageError, match="loss"):
        train_prior(settings(root, "cdm", "wrong", **{**TINY, "tuning_loss": "hinge"}))
