"""Priors: loading each kind, the scale of its latents, what is said when one cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from types import SimpleNamespace

import diffusers
import huggingface_hub
import pytest
import torch

import keyhole
from keyhole.nn import taef2
from keyhole.priors import folder
from keyhole.priors.autoencoder import TAEF2_SPREAD, LatentScale
from keyhole.priors.folder import fingerprint, prior_files, prior_folder
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from tests.attacks.tiny import pictures
from tests.priors.tiny_priors import compressed, flux, stable, tiny, unconditional, unet

SHOWN = 2 * pictures(2, size=32) - 1


def test_stable_diffusion_directories(tmp_path):
    prior = load_prior(str(stable(tmp_path, prediction_type="v_prediction")))
    network = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae")
    latents = torch.randn(2, 4, 16, 16)
    with torch.no_grad():
        expected = (network.decode(latents / 0.4 + 0.1).sample + 1) / 2
        encoded = (network.encode(SHOWN).latent_dist.mean - 0.1) * 0.4
    assert torch.allclose(prior.autoencoder.decode(latents), expected, atol=1e-6)
    assert torch.allclose(prior.autoencoder.encode(pictures(2, size=32)), encoded, atol=1e-5)
    assert prior.denoiser.schedule.prediction == "v_prediction"
    assert prior.denoiser.schedule.clip is None
    assert prior.denoiser.schedule.alphas_cumprod.shape == (1000,)
    assert prior.denoiser.predict_noise(latents, 500).shape == latents.shape
    assert not any(weight.requires_grad for weight in prior.denoiser.network.parameters())


def test_no_text_is_zeroes_whatever_their_number(tmp_path):
    denoiser = load_prior(str(stable(tmp_path))).denoiser
    latents = torch.randn(2, 4, 16, 16)
    embedding = denoiser.no_text(2)
    assert embedding.shape == (2, 1, 8)
    assert not embedding.any()
    many, text = (denoiser.predict_noise(latents, 9, given) for given in (torch.zeros(2, 77, 8), torch.ones(2, 77, 8)))
    assert torch.allclose(denoiser.predict_noise(latents, 9), many, atol=1e-6)
    assert not torch.allclose(many, text, atol=1e-4)


def test_unconditional_directories_with_and_without_codes(tmp_path):
    prior = load_prior(str(unconditional(tmp_path)))
    free = load_prior(str(tmp_path), quantise=False)
    network = diffusers.VQModel.from_pretrained(tmp_path / "vqvae")
    latents = torch.randn(2, 3, 16, 16, requires_grad=True)
    with torch.no_grad():
        expected = [(network.decode(latents / 0.5, force_not_quantize=free).sample + 1) / 2 for free in (False, True)]
    decoded = prior.autoencoder.decode(latents)
    assert torch.allclose(decoded, expected[0], atol=1e-6)
    assert torch.allclose(free.autoencoder.decode(latents), expected[1], atol=1e-6)
    assert not torch.allclose(*expected, atol=1e-4)
    (gradient,) = torch.autograd.grad(decoded.sum(), latents)
    assert gradient.any()
    assert prior.denoiser.no_text(2) is None
    assert prior.denoiser.predict_noise(latents, 500).shape == latents.shape


def test_tiny_autoencoders(tmp_path):
    prior = load_prior(str(tiny(tmp_path)))
    network = diffusers.AutoencoderTiny.from_pretrained(tmp_path / "vae")
    latents = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        assert torch.allclose(prior.autoencoder.decode(latents), (network.decode(latents).sample + 1) / 2, atol=1e-6)
        assert torch.allclose(prior.autoencoder.encode(pictures(2, size=32)), network.encode(SHOWN).latents, atol=1e-6)
    assert prior.autoencoder.factor == 4


def test_autoencoders_that_turn_pixels_into_channels(tmp_path, capfd):
    folder = str(compressed(tmp_path))
    capfd.readouterr()
    autoencoder = load_prior(folder).autoencoder
    assert capfd.readouterr() == ("", "")
    network = diffusers.AutoencoderDC.from_pretrained(tmp_path / "vae")
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ([1.0, -1.0], [2.0, 0.5]))
    with torch.no_grad():
        own = network.encode(SHOWN).latent
        assert torch.allclose(autoencoder.encode(pictures(2, size=32)), (own - mean) / deviation, atol=1e-5)
        decoded = (network.decode(own).sample + 1) / 2
        assert torch.allclose(autoencoder.decode((own - mean) / deviation), decoded, atol=1e-5)
    assert own.shape == (2, *autoencoder.latent_shape(32)) == (2, 2, 8, 8)


def test_taef2_files_as_they_are_published(tmp_path):
    autoencoder = load_prior(str(flux(tmp_path))).autoencoder
    network = taef2.Taef2.load(tmp_path / "vae")
    shown = pictures(1, size=32)
    with torch.no_grad():
        latents = network.encode(shown)
        assert torch.allclose(autoencoder.encode(shown), latents / TAEF2_SPREAD, atol=1e-5)
        assert torch.allclose(autoencoder.decode(latents / TAEF2_SPREAD), network.decode(latents), atol=1e-5)
    assert latents.shape == (1, 32, 4, 4)
    assert network.decode(latents).shape == shown.shape


def test_latents_are_large_enough_for_the_picture_and_the_network(tmp_path):
    autoencoder = load_prior(str(flux(tmp_path))).autoencoder
    assert autoencoder.latent_shape(112) == (32, 14, 14)
    assert autoencoder.latent_shape(112, multiple=4) == (32, 16, 16)
    assert autoencoder.latent_shape(113) == (32, 15, 15)


def test_the_scale_of_channels():
    scale = LatentScale.of({"latents_mean": [1.0, 2.0], "latents_std": [4.0, 8.0], "scaling_factor": 2.0})
    latents = torch.ones(1, 2, 3, 3)
    own = latents * scale.spread + scale.centre
    assert own[0, :, 0, 0].tolist() == [3.0, 6.0]
    assert torch.equal(latents * LatentScale.of({}).spread + LatentScale.of({}).centre, latents)


def test_attacks_through_the_decoder_do_without_a_network_for_noise(tmp_path):
    prior = load_prior(str(flux(tmp_path)))
    assert prior.autoencoder.channels == 32
    with pytest.raises(UsageError, match="has no unet/: expected a diffusers directory"):
        _ = prior.denoiser


def test_networks_that_others_build_while_a_prior_loads_have_memory(tmp_path):
    stable(tmp_path)
    channels = load_prior(str(tmp_path)).denoiser.channels
    done = Stop()
    built: list[str] = []

    def build() -> None:
        while not done.is_set():
            built.append(torch.nn.Linear(2, 2).weight.device.type)

    thread = threading.Thread(target=build)
    thread.start()
    for _ in range(10):
        assert load_prior(str(tmp_path)).denoiser.channels == channels
    done.set()
    thread.join()
    assert set(built) == {"cpu"}


def test_shipped_priors_go_by_their_names(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "SHIPPED", tmp_path / "weights")
    shipped = tiny(tmp_path / "weights" / "streetcam")
    assert folder.shipped_priors() == ()  # without its card it is none
    (shipped / "card.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    tiny(tmp_path / "streetcam")
    assert prior_folder("streetcam") == shipped
    assert prior_folder("./streetcam") == Path("streetcam")
    assert load_prior("streetcam").autoencoder.channels == 4
    with pytest.raises(UsageError, match=r"--prior streetcan: no such prior; expected a shipped one \(streetcam\)"):
        load_prior("streetcan")
    with pytest.raises(UsageError, match=r"give --prior PATH\|NAME, a shipped one \(streetcam\)"):
        load_prior(None)


def test_shipped_priors_are_part_of_the_package():
    """The wheel takes whole packages, so it is enough that nothing under the folder is left out of the repository."""
    root = Path(keyhole.__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert "keyhole" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert folder.SHIPPED.parent == Path(keyhole.__file__).parent / "priors"
    names = ("card.json", "vae/config.json", "vae/diffusion_pytorch_model.safetensors", "scheduler/x.json")
    inside = [str(folder.SHIPPED.relative_to(root) / "streetcam" / name) for name in names]
    ignored = subprocess.run(["git", "check-ignore", *inside], cwd=root, capture_output=True, text=True, check=False)
    assert ignored.stdout == ""


def test_what_is_wrong_with_a_prior_is_said(tmp_path):
    with pytest.raises(UsageError, match="give --prior PATH"):
        load_prior(None)
    with pytest.raises(UsageError, match=r"no such prior; expected a shipped one \(streetcam\), a diff"):
        load_prior("./nowhere")
    with pytest.raises(UsageError, match="has no vae/ or vqvae/"):
        load_prior(str(tmp_path))
    (tmp_path / "vae").mkdir()
    with pytest.raises(UsageError, match=r"cannot read .*config\.json"):
        load_prior(str(tmp_path))
    (tmp_path / "vae" / "config.json").write_text(json.dumps({"_class_name": "AutoencoderNone"}))
    with pytest.raises(UsageError, match="AutoencoderNone: expected one of AutoencoderKL, AutoencoderDC"):
        load_prior(str(tmp_path))
    (tmp_path / "vae" / "config.json").write_text(json.dumps({"_class_name": "VQModel"}))
    with pytest.raises(UsageError, match=r"holds no weights: expected diffusion_pytorch_model\.safetensors or"):
        load_prior(str(tmp_path))
    (tmp_path / "vae" / taef2.DECODER).write_bytes(b"")
    for content in (None, b"not tensors"):
        if content:
            (tmp_path / "vae" / taef2.ENCODER).write_bytes(content)
        with pytest.raises(UsageError, match="does not hold TAEF2"):
            load_prior(str(tmp_path))


def test_networks_that_do_not_fit_are_refused(tmp_path):
    prior = load_prior(str(tiny(tmp_path, channels=3)))
    with pytest.raises(UsageError, match="4 channels, the U-Net takes 3"):
        _ = prior.denoiser


def test_a_network_that_wants_classes_is_refused(tmp_path):
    tiny(tmp_path)
    unet(4, num_class_embeds=3).save_pretrained(tmp_path / "unet")
    with pytest.raises(UsageError, match=r"more than text \(num_class_embeds\)"):
        _ = load_prior(str(tmp_path)).denoiser


def test_fingerprints_change_with_the_weights(tmp_path):
    first, second = flux(tmp_path / "a"), flux(tmp_path / "b")
    assert fingerprint(first) == fingerprint(second)
    (second / "vae" / "config.json").write_text("{}")
    assert fingerprint(first) != fingerprint(second)


def test_only_what_is_loaded_is_fetched_and_it_is_announced(tmp_path, monkeypatch, capsys):
    asked = []
    files = {"vae/config.json": 1, "unet/diffusion_pytorch_model.safetensors": 2 * 10**9, "unet/config.json": 1}
    other = {"model_index.json": 1, "text_encoder/model.safetensors": 9, "unet/diffusion_pytorch_model.bin": 9}

    def download(name, *, local_files_only=False, allow_patterns=None):
        if local_files_only:
            raise FileNotFoundError(name)
        asked.append(allow_patterns)
        return str(tmp_path)

    siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in {**files, **other}.items()]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: SimpleNamespace(siblings=siblings))
    assert prior_folder("someone/prior") == tmp_path
    assert [set(patterns) for patterns in asked] == [set(files)]
    assert "fetching 3 files, 2.00 GB" in capsys.readouterr().err


def test_without_a_connection_it_is_said_what_to_do(tmp_path, monkeypatch):
    def nothing(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", nothing)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", nothing)
    with pytest.raises(UsageError, match=r"no route.*Put a diffusers directory.*hf download someone/prior"):
        prior_folder("someone/prior")


def test_pickles_are_fetched_only_where_there_is_nothing_else():
    weights = "unet/diffusion_pytorch_model"
    assert prior_files({f"{weights}.bin": 1}) == {f"{weights}.bin": 1}
    shards = {f"{weights}-00001-of-00002.safetensors": 1, f"{weights}.safetensors.index.json": 1}
    assert prior_files({**shards, f"{weights}.bin": 1, f"{weights}.fp16.safetensors": 1}) == shards
    half = {f"{weights}.fp16.safetensors": 1}
    assert prior_files({**half, f"{weights}.fp16.bin": 1, "model.safetensors": 1}) == half
    alone = {"config.json": 1, "diffusion_pytorch_model.safetensors": 1}
    assert prior_files({**alone, "README.md": 1, "diffusion_pytorch_model.bin": 1}) == alone


def test_attacks_without_a_prior_do_not_load_diffusers():
    code = "import sys, keyhole.attacks.registry; sys.exit('diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
