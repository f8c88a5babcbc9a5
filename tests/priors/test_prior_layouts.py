"""Every layout in which people keep priors is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import diffusers
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from keyhole.priors.denoiser import Denoiser
from keyhole.priors.folder import fingerprint
from keyhole.priors.networks import choose_weights
from keyhole.priors.prior import Prior, load_prior
from keyhole.priors.schedule import read_schedule
from keyhole.service.errors import UsageError
from tests.priors.tiny_priors import flux, tiny, unet

WEIGHTS = "diffusion_pytorch_model"
LATENTS = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def seen(prior: Prior) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat(
            [prior.autoencoder.decode(LATENTS).flatten(), prior.denoiser.predict_noise(LATENTS, 9).flatten()]
        )


def networks(folder: Path) -> list[tuple[Path, torch.nn.Module]]:
    return [
        (folder / "vae", diffusers.AutoencoderTiny.from_pretrained(folder / "vae")),
        (folder / "unet", diffusers.UNet2DModel.from_pretrained(folder / "unet")),
    ]


def stored_again(folder: Path, **how: object) -> None:
    for place, network in networks(folder):
        (place / f"{WEIGHTS}.safetensors").unlink()
        network.save_pretrained(place, **how)


def half(folder: Path) -> None:
    for place, network in networks(folder):
        (place / f"{WEIGHTS}.safetensors").unlink()
        network.half().save_pretrained(place, variant="fp16")


def half_shards(folder: Path) -> None:
    for place, network in networks(folder):
        (place / f"{WEIGHTS}.safetensors").unlink()
        network.half().save_pretrained(place, variant="fp16", max_shard_size="20KB")


def older_shards(folder: Path) -> None:
    """As they were named before the variant went to the front."""
    half_shards(folder)
    for part in ("vae", "unet"):
        for file in list((folder / part).glob(f"{WEIGHTS}.fp16-*.safetensors")):
            file.rename(file.with_name(file.name.replace(".fp16-", "-").replace(".safetensors", ".fp16.safetensors")))
        index = folder / part / f"{WEIGHTS}.safetensors.index.fp16.json"
        content = json.loads(index.read_text())
        content["weight_map"] = {
            name: file.replace(".fp16-", "-").replace(".safetensors", ".fp16.safetensors")
            for name, file in content["weight_map"].items()
        }
        index.write_text(json.dumps(content))


def pickled(folder: Path) -> None:
    stored_again(folder, safe_serialization=False)


def beside_halves(folder: Path) -> None:
    """With other weights in lower precision and in other formats beside them, which are not to be read."""
    for part in ("vae", "unet"):
        state = load_file(folder / part / f"{WEIGHTS}.safetensors")
        save_file(
            {name: torch.zeros_like(value) for name, value in state.items()},
            folder / part / f"{WEIGHTS}.fp16.safetensors",
        )
        torch.save({}, folder / part / f"{WEIGHTS}.bin")


def pipeline(folder: Path) -> None:
    (folder / "model_index.json").write_text(
        json.dumps(
            {
                "_class_name": "LDMPipeline",
                "unet": ["diffusers", "UNet2DModel"],
                "vae": ["diffusers", "AutoencoderTiny"],
                "scheduler": ["diffusers", "DDPMScheduler"],
            }
        )
    )


WAYS: dict[str, tuple[Callable[[Path], object], float]] = {
    "half": (half, 2e-2),
    "shards": (lambda folder: stored_again(folder, max_shard_size="40KB"), 1e-6),
    "half shards": (half_shards, 2e-2),
    "older half shards": (older_shards, 2e-2),
    "pickled": (pickled, 1e-6),
    "pickled shards": (lambda folder: stored_again(folder, safe_serialization=False, max_shard_size="40KB"), 1e-6),
    "beside halves": (beside_halves, 0.0),
    "pipeline": (pipeline, 0.0),
}


@pytest.mark.parametrize("way", WAYS)
def test_weights_are_loaded_however_they_are_stored(tmp_path, way):
    change, tolerance = WAYS[way]
    expected = seen(load_prior(str(tiny(tmp_path))))
    change(tmp_path)
    prior = load_prior(str(tmp_path))
    assert torch.allclose(seen(prior), expected, atol=tolerance, rtol=tolerance)
    assert {weight.dtype for weight in prior.denoiser.network.parameters()} == {torch.float32}


def test_a_folder_of_one_autoencoder_is_a_prior_for_decoders(tmp_path):
    folder = tiny(tmp_path / "prior")
    expected = load_prior(str(folder)).autoencoder.decode(LATENTS)
    prior = load_prior(str(folder / "vae"))
    assert torch.equal(prior.autoencoder.decode(LATENTS), expected)
    with pytest.raises(UsageError, match="has no unet/: it holds AutoencoderTiny alone"):
        _ = prior.denoiser
    assert fingerprint(folder / "vae") != fingerprint(tmp_path)
    assert load_prior(str(flux(tmp_path / "flux") / "vae")).autoencoder.channels == 32


def test_a_repository_in_the_hubs_cache_is_its_newest_snapshot(tmp_path):
    root = tmp_path / "models--someone--prior"
    tiny(root / "snapshots" / "abc")
    tiny(root / "snapshots" / "old", channels=3)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc\n")
    assert load_prior(str(root)).denoiser.channels == 4


def test_a_learned_variance_is_left_aside(tmp_path):
    tiny(tmp_path)
    torch.manual_seed(0)
    network = unet(4)
    wide = diffusers.UNet2DModel.from_config({**network.config, "out_channels": 8})
    wide.save_pretrained(tmp_path / "unet")
    facts = {"_class_name": "DDPMScheduler", "beta_schedule": "linear", "variance_type": "learned_range"}
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(facts))
    denoiser = load_prior(str(tmp_path)).denoiser
    with torch.no_grad():
        assert torch.equal(denoiser.predict_noise(LATENTS, 9), wide.eval()(LATENTS, 9).sample[:, :4])
    assert denoiser.channels == 4


def test_a_network_is_asked_for_the_clean_latent_of_its_own_channels():
    network = SimpleNamespace(sample=torch.arange(8.0).reshape(1, 8, 1, 1))
    denoiser = Denoiser(lambda *_: network, read_schedule({"prediction_type": "sample"}), channels=4, multiple=1)  # type: ignore[arg-type]
    assert denoiser.predict(torch.zeros(1, 4, 1, 1), 9).clean.flatten().tolist() == [0.0, 1.0, 1.0, 1.0]


names = st.lists(
    st.from_regex(
        r"diffusion_pytorch_model(\.(fp16|ema))?(-0000[12]-of-00002)?\.(safetensors|bin)(\.index\.json)?",
        fullmatch=True,
    )
    | st.sampled_from(["config.json", "model.onnx"]),
    unique=True,
)


@given(names)
def test_what_is_chosen_is_there_and_whole_and_nothing_more_precise_is(present):
    found = choose_weights(present)
    if found is None:
        assert not any(name in present for name in (f"{WEIGHTS}.safetensors", f"{WEIGHTS}.bin"))
        return
    assert set(found.names) <= set(present)
    assert found.index or len(found.names) == 1
    if f"{WEIGHTS}.safetensors" in present:
        assert (found.variant, found.form) == ("", "safetensors")
