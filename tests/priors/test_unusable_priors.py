"""A prior that cannot be used is refused, with the reason, before anything is computed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from keyhole.attacks.entry import open_prior
from keyhole.attacks.registry import ATTACKS
from keyhole.evaluation import run
from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings
from keyhole.priors.prior import Prior, load_prior
from keyhole.service.errors import UsageError
from tests.priors.tiny_priors import GROUPS, stable, tiny

WEIGHTS = "diffusion_pytorch_model"


def in_shards(folder: Path) -> None:
    for part, kind in (("vae", diffusers.AutoencoderTiny), ("unet", diffusers.UNet2DModel)):
        network = kind.from_pretrained(folder / part)
        (folder / part / f"{WEIGHTS}.safetensors").unlink()
        network.save_pretrained(folder / part, max_shard_size="40KB")


def single(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    (folder / "v1-5.safetensors").write_bytes(b"weights")


def pixels(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    index = {"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"], "safety": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))


def transformer(folder: Path) -> None:
    shutil.rmtree(folder / "unet")
    index = {"_class_name": "PixArtPipeline", "transformer": ["diffusers", "PixArtTransformer2DModel"]}
    (folder / "model_index.json").write_text(json.dumps(index))


def deeper(folder: Path) -> None:
    (folder / "inner").mkdir()
    for part in ("vae", "unet", "scheduler"):
        shutil.move(folder / part, folder / "inner" / part)


def replaced(part: str, content: bytes | None, name: str = f"{WEIGHTS}.safetensors") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / part / f"{WEIGHTS}.safetensors").unlink()
        if content is not None:
            (folder / part / name).write_bytes(content)

    return change


def a_shard_gone(folder: Path) -> None:
    in_shards(folder)
    sorted((folder / "unet").glob(f"{WEIGHTS}-*"))[-1].unlink()


def an_index_outside(folder: Path) -> None:
    in_shards(folder)
    (folder / "vae" / f"{WEIGHTS}.safetensors.index.json").write_text('{"weight_map": {"a": "../../x.safetensors"}}')


def configured(part: str, **facts: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / part / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))

    return change


def infinite(folder: Path) -> None:
    file = folder / "unet" / f"{WEIGHTS}.safetensors"
    state = load_file(file)
    state["conv_in.weight"][0, 0, 0, 0] = torch.inf
    save_file(state, file)


def grey(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    diffusers.AutoencoderKL(in_channels=1, out_channels=1, block_out_channels=(8,), **GROUPS).save_pretrained(
        folder / "vae"
    )


def other_latents(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    diffusers.AutoencoderKL(latent_channels=16, block_out_channels=(8,), **GROUPS).save_pretrained(folder / "vae")


def other_answers(folder: Path) -> None:
    diffusers.UNet2DModel(
        in_channels=4, out_channels=3, block_out_channels=(8,), down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",), **GROUPS,
    ).save_pretrained(folder / "unet")  # fmt: skip


def asks_for_pictures(folder: Path) -> None:
    stable(folder)
    diffusers.UNet2DConditionModel(
        block_out_channels=(8,), down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=8, encoder_hid_dim=8, encoder_hid_dim_type="image_proj", layers_per_block=1,
        attention_head_dim=4, **GROUPS,
    ).save_pretrained(folder / "unet")  # fmt: skip


def two_texts(folder: Path) -> None:
    diffusers.UNet2DConditionModel(
        block_out_channels=(8, 8), down_block_types=("CrossAttnDownBlock2D",) * 2, layers_per_block=1,
        up_block_types=("CrossAttnUpBlock2D",) * 2, cross_attention_dim=(8, 16), attention_head_dim=4, **GROUPS,
    ).save_pretrained(folder / "unet")  # fmt: skip


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "one file": (
        single,
        r"it holds v1-5\.safetensors\. diffusers makes one .*from_single_file\('.*v1-5\.safetensors'\)",
    ),
    "pixels": (pixels, r"has no vae/ or vqvae/: it is a DDPMPipeline of unet \(UNet2DModel\); expected"),
    "transformer": (transformer, r"has no unet/: it is a PixArtPipeline of transformer \(PixArtTransformer2DModel\)"),
    "deeper": (deeper, r"did you mean .*inner\?"),
    "no weights": (replaced("unet", None), r"unet holds no weights: expected diffusion_pytorch_model\.safetensors"),
    "onnx": (replaced("unet", b"x", "model.onnx"), r"or shards with their index; it has model\.onnx"),
    "pointer": (replaced("vae", b"version https://git-lfs.github.com/spec/v1\noid"), "is a pointer of Git LFS"),
    "empty": (replaced("vae", b""), "is empty"),
    "cut off": (replaced("vae", b"\x08\0\0\0\0\0\0\0{"), "no weights of AutoencoderTiny that can be read"),
    "shard gone": (a_shard_gone, "is missing, which diffusion_pytorch_model.safetensors.index.json names"),
    "outside": (an_index_outside, r"names \.\./\.\./x\.safetensors: expected files beside it"),
    "quantised": (configured("unet", quantization_config={"load_in_4bit": True}), "are quantised"),
    "no object": (lambda folder: (folder / "vae" / "config.json").write_text("[1]"), "expected an object of JSON"),
    "infinite": (infinite, r"conv_in\.weight in .*unet holds numbers that are not finite"),
    "grey": (grey, r"has pictures of 1 channels \(in_channels\): expected RGB"),
    "other latents": (other_latents, "latents have 16 channels, the U-Net takes 4"),
    "other answers": (other_answers, "takes latents of 4 channels and gives 3: expected as many, or twice"),
    "pictures": (asks_for_pictures, r"conditional on more than text \(encoder_hid_dim_type\)"),
    "two texts": (two_texts, "does not run with latents and text alone"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_before_anything_is_computed(tmp_path, monkeypatch, case):
    change, message = REFUSED[case]
    change(tiny(tmp_path))
    monkeypatch.setattr(run, "partitioned_at", lambda *_: pytest.fail("computed something"))
    with pytest.raises(UsageError, match=message):
        attack(AttackSettings(attacks=("pixels-white", "diffusion-black"), prior=str(tmp_path)))


def test_a_checkpoint_in_one_file_is_no_folder(tmp_path):
    file = tmp_path / "v1-5.ckpt"
    file.write_bytes(b"weights")
    with pytest.raises(UsageError, match=r"v1-5\.ckpt: a file, expected a diffusers directory.*from_single_file"):
        load_prior(str(file))


def test_what_no_attack_needs_of_a_prior_is_not_loaded(tmp_path):
    shutil.rmtree(tiny(tmp_path) / "unet")

    def load() -> Prior:
        return load_prior(str(tmp_path))

    open_prior([ATTACKS["pixels-white"]], lambda: pytest.fail("loaded a prior"))
    open_prior([ATTACKS["decoder-white"], ATTACKS["decoder-black"]], load)
    for name in ("diffusion-white", "diffusion-black"):
        with pytest.raises(UsageError, match="has no unet/"):
            open_prior([ATTACKS[name]], load)


def test_more_sampling_steps_than_timesteps_are_refused_at_once(tmp_path):
    tiny(tmp_path)
    with pytest.raises(UsageError, match="--sampling-steps 1001: this prior has 1000 timesteps"):
        open_prior([ATTACKS["diffusion-black"]], lambda: load_prior(str(tmp_path)), 1001)
