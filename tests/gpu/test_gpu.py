"""On a GPU: targets, defences, priors and attacks compute there what they compute on the CPU.

``make test-gpu`` runs them where torch finds one. KEYHOLE_TEST_DEVICE=cpu runs them on the CPU, against itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from keyhole.attacks.base import BlackBox, Budget, RunSettings, Watch
from keyhole.attacks.classes.base import ClassAccess, ClassWhiteBox
from keyhole.attacks.classes.entry import ClassRun
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.training import LATENT_TRAINING
from keyhole.defences import defence_named, randomness
from keyhole.generators.latents import Decoder
from keyhole.generators.pixels import Pixels
from keyhole.nn.device import CPU
from keyhole.nn.nested_tensors import named_tensors
from keyhole.partition import as_tuple, split
from keyhole.priors.denoiser import ddim_sample
from keyhole.priors.prior import load_prior
from keyhole.targets import load_target
from tests.attacks.test_black_box import QUICK, Oracle, public
from tests.attacks.test_class_attacks import WANTED, access
from tests.attacks.tiny import SIZE, frames, head, pictures, recipe_of, white_box
from tests.attacks.tiny_classes import trained
from tests.attacks.tiny_classes import white_box as class_white_box
from tests.defences.test_mechanisms import SPECS
from tests.priors.tiny_priors import stable, tiny, unconditional

DEVICE = torch.device(os.environ.get("KEYHOLE_TEST_DEVICE", "cuda"))
FEW, ROUNDING, DRIFT = 3, 1e-3, 0.02
"""Iterations of an attack; relative differences of one pass, and of pixels after some steps of an optimiser."""
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE.type == "cuda" and not torch.cuda.is_available(), reason="torch finds no GPU here"),
]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Convolutions in single precision in full, without TF32; products of matrices are so by default."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def alike(there: Tensor, here: Tensor, share: float = ROUNDING) -> None:
    """Equal within a share of the largest number."""
    assert there.device.type == DEVICE.type
    largest = here.abs().max().clamp_min(1e-6)
    assert (there.cpu() - here).abs().max() <= share * largest


@pytest.mark.parametrize(
    "name",
    ["narrow:resnet18-16", "narrow:vit-128", "yolov2:resnet18", "timm:vit_tiny_patch16_224", "resnet18-streetcam"],
)
def test_targets_and_their_halves(name: str) -> None:
    target = load_target(name)
    size = target.preprocess.size
    inputs = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    cut = "layer2" if "resnet" in name else "blocks.1"
    with torch.no_grad():
        here = split(target, cut).head(inputs)
        target.model.to(DEVICE)
        parts = split(target, cut)
        there = parts.head(inputs.to(DEVICE))
        for ours, theirs in zip(as_tuple(there), as_tuple(here), strict=True):
            alike(ours, theirs)
        answers = named_tensors(parts.tail(there)).values()
    assert {tensor.device.type for tensor in answers} == {DEVICE.type}


@pytest.mark.parametrize("spec", SPECS)
def test_defences_draw_the_same_numbers(spec: str) -> None:
    features = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    defence = defence_named(spec)
    (here,) = defence.protect((features,), randomness(0, "edge"))
    (there,) = defence.protect((features.to(DEVICE),), randomness(0, "edge"))
    alike(there, here)


@pytest.mark.parametrize("make", [stable, tiny, unconditional])
def test_samplers_of_priors(make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = str(make(tmp_path))
    shown = pictures(2)
    found = []
    for device in (CPU, DEVICE):
        prior = load_prior(folder, device=device, quantise=False)
        with torch.no_grad():
            latents = prior.autoencoder.encode(shown.to(device))
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(device)
            sampled = ddim_sample(prior.denoiser, noise, prior.denoiser.schedule.steps(4))
            found.append((latents, prior.autoencoder.decode(sampled)))
    for there, here in zip(found[1], found[0], strict=True):
        alike(there, here, 10 * ROUNDING)


@pytest.mark.parametrize(
    "word",
    [
        *("pixels-white", "pixels-white/paper", "pixels-white/filtered", "decoder-white", "decoder-white/paper"),
        *("diffusion-white", "diffusion-white/noise", "diffusion-white/guided", "dip-white"),
    ],
)
def test_white_boxes(word: str, tmp_path: Path) -> None:
    folder, shown = str(stable(tmp_path)), pictures(2)
    seen = frames(white_box(), shown)
    found = []
    for device in (CPU, DEVICE):
        box = replace(
            white_box(head().to(device)),
            device=device,
            prior=lambda at=device: load_prior(folder, device=at),
            public=public,
        )
        run = RunSettings(Budget(FEW), watch=Watch(0.0), sampling_steps=2 if "diffusion" in word else None)
        *_, last = recipe_of(word).make(box, run).reconstruct(seen)
        found.append(last)
    here, there = found
    assert (there.iteration, there.final, there.pictures.device) == (here.iteration, True, CPU)
    assert (there.pictures - here.pictures).abs().mean() <= DRIFT
    assert there.loss == pytest.approx(here.loss, rel=0.05)


@pytest.mark.parametrize("way", ["pixels", "decoder"])
def test_black_boxes_learn(way: str, tmp_path: Path) -> None:
    folder, shown = str(stable(tmp_path)), pictures(2)
    found = []
    for device in (CPU, DEVICE):
        prior = load_prior(folder, device=device)
        known = BlackBox(Oracle(), public(), SIZE, lambda made=prior: made, device)
        generator, training = (
            (Pixels(SIZE), QUICK)
            if way == "pixels"
            else (Decoder(prior.autoencoder, SIZE), replace(LATENT_TRAINING, first=16, query=4, every=4, publish=5))
        )
        attack = BlackBoxAttack(known, training, generator)
        attack.train(FEW)
        (estimate,) = attack.reconstruct(frames(white_box(), shown))
        found.append(estimate)
    here, there = found
    assert there.pictures.device == CPU
    assert (there.pictures - here.pictures).abs().mean() <= DRIFT


@pytest.mark.parametrize("word", ["latent", "guided"])
def test_attacks_on_classes(word: str, tmp_path: Path) -> None:
    from keyhole.attacks.classes.registry import choose_class_attack

    folder = str(stable(tmp_path))
    found = []
    for device in (CPU, DEVICE):
        net: nn.Module = trained().to(device)
        known: ClassWhiteBox = replace(
            class_white_box(net),
            device=device,
            prior=lambda at=device: load_prior(folder, device=at),  # type: ignore[arg-type]
        )
        opened: ClassAccess = access(known)
        *_, last = choose_class_attack(word).recipe.open(opened, ClassRun(Budget(FEW))).recall(WANTED)
        found.append(last.pictures)
    here, there = found
    assert there.device == CPU
    assert (there - here).abs().mean() <= DRIFT
