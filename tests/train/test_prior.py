"""``keyhole train prior`` from end to end, on pictures small enough to take seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from keyhole.cli import dispatch
from keyhole.metrics.similarity import psnr
from keyhole.nn import taef2
from keyhole.priors.denoiser import ddim_sample
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError
from keyhole.terminal import terminal
from keyhole.train.prior import command
from keyhole.train.prior.command import prior
from keyhole.train.prior.pictures import learned_from, measured_on
from keyhole.train.prior.settings import PriorSettings
from tests.train.making import boards, files

SIZE = 16


def settings(root: Path, out: str = "out", **flags: object) -> PriorSettings:
    data = root / "pictures"
    if not data.exists():
        files(data, boards(12, 2, seed=0))
    tiny = {"size": SIZE, "latent_channels": 3, "halved": 0.4, "unet_widths": (8, 16)}
    tiny |= {"widths": (12,), "blocks": (1,)}
    short = {"steps": 3, "unet_steps": 3, "batch": 4, "unet_batch": 4, "every": 2, "audit": 6, "workers": 0}
    return PriorSettings(**{"data": str(data), "out": root / out, **tiny, **short, **flags})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    assert prior(settings(root)) == 0
    return root


def test_the_adversary_loads_what_was_trained(made: Path) -> None:
    known = load_prior(str(made / "out"))
    assert (known.autoencoder.channels, known.autoencoder.factor) == (3, 2)
    assert (known.denoiser.channels, known.denoiser.multiple, known.denoiser.width) == (3, 2, None)
    schedule = known.denoiser.schedule
    assert (schedule.prediction, schedule.clip) == ("v_prediction", None)
    steps = schedule.steps(4)
    assert [step.timestep for step in steps] == [999, 749, 499, 249]
    assert float(steps[0].alpha) == 0.0
    assert float(steps[-1].previous) == 1.0
    noise = torch.randn(2, *known.autoencoder.latent_shape(SIZE, known.denoiser.multiple), requires_grad=True)
    pictures = known.autoencoder.decode(ddim_sample(known.denoiser, noise, steps))
    assert pictures.shape == (2, 3, SIZE, SIZE)
    (gradient,) = torch.autograd.grad(pictures.sum(), noise)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_latents_of_training_pictures_have_mean_0_and_deviation_1(made: Path) -> None:
    pictures = learned_from(settings(made), made, terminal(quiet=True))
    with torch.no_grad():
        latents = load_prior(str(made / "out")).autoencoder.encode(pictures / 255)
    assert latents.shape == (8, 3, 8, 8)
    assert torch.allclose(latents.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(latents.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-4)


def test_the_card_says_what_was_measured(made: Path) -> None:
    card = json.loads((made / "out" / "card.json").read_text())
    pictures = measured_on(settings(made), made, terminal(quiet=True)) / 255
    autoencoder = load_prior(str(made / "out")).autoencoder
    with torch.no_grad():
        decoded = autoencoder.decode(autoencoder.encode(pictures)).clamp(0, 1)
    assert card["figures"]["psnr"] == pytest.approx(float(psnr(decoded, pictures).mean()), abs=1e-3)
    assert card["figures"]["audit_pictures"] == 6
    assert {"ssim", "psnr_low", "psnr_high", "denoising_loss", "denoising_loss_public"} <= card["figures"].keys()
    assert f"PSNR {card['figures']['psnr']:.2f} [" in (made / "out" / "README.md").read_text()
    assert card["latent"] == [3, 8, 8]
    assert set(card["sha256"]) == {f"{part}/diffusion_pytorch_model.safetensors" for part in ("vae", "unet")}
    assert str(made) not in json.dumps(card["recipe"])
    text = (made / "out" / "README.md").read_text()
    assert f"PSNR {card['figures']['psnr']:.2f}" in text


def test_weights_are_stored_as_half_precision_and_diffusers_reads_each_part(made: Path) -> None:
    out = made / "out"
    for part in ("vae", "unet"):
        stored = load_file(out / part / "diffusion_pytorch_model.safetensors")
        assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    index = json.loads((out / "model_index.json").read_text())
    for part in ("vae", "unet", "scheduler"):
        library, name = index[part]
        assert library == "diffusers"
        getattr(diffusers, name).from_pretrained(out / part, local_files_only=True)


def test_the_sheet_shows_pictures_reconstructions_and_samples(made: Path) -> None:
    with Image.open(made / "out" / "samples.jpg") as sheet:
        assert sheet.size == (8 * (SIZE + 2) + 2, 4 * (SIZE + 2) + 2)


@pytest.mark.parametrize("stage", ["autoencoder", "unet"])
def test_a_stopped_run_ends_where_an_unbroken_one_does(made: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    class KilledError(Exception):
        pass

    name = {"autoencoder": "ReconstructionTraining", "unet": "DiffusionTraining"}[stage]
    training = getattr(command, name)

    class Killed(training):  # type: ignore[misc, valid-type]
        def batches(self, first: int, last: int):
            if first:
                raise KilledError
            return super().batches(first, last)

    stopped = settings(made, f"stopped-{stage}")
    with monkeypatch.context() as patch:
        patch.setattr(command, name, Killed)
        with pytest.raises(KilledError):
            prior(stopped)
    assert (stopped.out / "training" / stage / "checkpoint" / "steps").read_text() == "2"
    assert prior(stopped) == 0
    for part in ("vae", "unet"):
        file = Path(part) / "diffusion_pytorch_model.safetensors"
        unbroken, resumed = load_file(made / "out" / file), load_file(stopped.out / file)
        for key, value in unbroken.items():
            torch.testing.assert_close(resumed[key], value)
    cards = [json.loads((folder / "card.json").read_text())["figures"] for folder in (made / "out", stopped.out)]
    assert cards[0] == pytest.approx(cards[1])


def test_only_the_diffusion_is_trained_on_a_finished_autoencoder(made: Path) -> None:
    given = replace(settings(made, "given"), autoencoder=made / "out")
    assert prior(given) == 0
    ours, theirs = (
        load_file(folder / "vae" / "diffusion_pytorch_model.safetensors") for folder in (given.out, made / "out")
    )
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert not (given.out / "training" / "autoencoder").exists()
    assert "given as" in json.loads((given.out / "card.json").read_text())["autoencoder"]


def _tiny(folder: Path) -> None:
    torch.manual_seed(0)
    diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    ).save_pretrained(folder)


def _taef2(folder: Path) -> None:
    torch.manual_seed(0)
    network = taef2.Taef2()
    folder.mkdir()
    for half, name in ((network.encoder, taef2.ENCODER), (network.decoder, taef2.DECODER)):
        save_file({key: value.half().contiguous() for key, value in half.state_dict().items()}, folder / name)


@pytest.mark.parametrize(("write", "channels"), [(_tiny, 4), (_taef2, 32)])
def test_autoencoders_of_other_classes_keep_the_scale_of_their_latents(tmp_path: Path, write, channels: int) -> None:
    write(tmp_path / "autoencoder")
    given = settings(tmp_path, autoencoder=tmp_path / "autoencoder", pictures=5, unet_steps=1)
    assert prior(given) == 0
    pictures = learned_from(given, tmp_path, terminal(quiet=True)) / 255
    known = load_prior(str(given.out))
    with torch.no_grad():
        latents = known.autoencoder.encode(pictures)
    assert (known.denoiser.channels, len(pictures)) == (channels, 5)
    assert torch.allclose(latents.mean(dim=(0, 2, 3)), torch.zeros(channels), atol=1e-3)
    assert torch.allclose(latents.std(dim=(0, 2, 3), correction=0), torch.ones(channels), atol=1e-3)


def test_what_is_no_autoencoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no autoencoder that can be read"):
        prior(settings(tmp_path, autoencoder=tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderNone"}))
    with pytest.raises(UsageError, match="AutoencoderNone: expected one of AutoencoderDC, AutoencoderKL"):
        prior(settings(tmp_path, autoencoder=tmp_path))


@pytest.mark.parametrize("pool", ["private", "private-train", "audit", ""])
def test_pictures_of_the_victim_are_refused(tmp_path: Path, pool: str) -> None:
    with pytest.raises(UsageError, match=r"must not learn from the victim's.*expected public or public-shifted"):
        settings(tmp_path, pool=pool)
    with pytest.raises(UsageError, match="only streetcam has it"):
        settings(tmp_path, pool="public-shifted")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"size": 18}, "expected a multiple of 4"),
        ({"halved": 1.5}, "--halved 1.5: expected a share"),
        ({"steps": 0}, "--steps 0: expected 1 or more"),
        ({"unet_batch": 0}, "--unet-batch 0: expected 1 or more"),
        ({"widths": ()}, "one number of channels for each resolution"),
        ({"blocks": (1, 1)}, "--blocks: expected one number for each of the 1"),
        ({"widths": (12, 36), "blocks": (1, 1)}, "36 is no multiple of 4 that divides"),
        ({"widths": (6,)}, "6 is no multiple of 4"),
        ({"latent_channels": 5}, "--latent-channels 5: expected a divisor of the last width, 12"),
    ],
)
def test_settings_that_cannot_be_trained_with(tmp_path: Path, flags: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prior(settings(tmp_path, **flags))


def test_the_pools_share_no_picture(tmp_path: Path) -> None:
    console = terminal(quiet=True)
    for data in (settings(tmp_path).data, "streetcam", "leaves"):
        given = settings(tmp_path, data=data, pictures=3, audit=3)
        public, audit = (take(given, tmp_path, console) for take in (learned_from, measured_on))
        assert public.shape == audit.shape == (3, 3, SIZE, SIZE)
        assert public.dtype == torch.uint8
        assert not any(torch.equal(one, other) for one in public for other in audit)


def test_streetcam_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, console = settings(tmp_path, data="streetcam", pictures=3), terminal(quiet=True)
    first = learned_from(given, tmp_path, console)
    monkeypatch.setattr("keyhole.data.in_memory._fresh", None)
    assert torch.equal(learned_from(given, tmp_path, console), first)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        dispatch(["train", "prior", "--help"], {})
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "keyhole train prior --data streetcam --out runs/prior-streetcam" in text
    assert "--autoencoder" in text
