"""The card of a prior, for programs (``card.json``) and for people (``README.md``)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyhole.metrics.interval import with_interval
from keyhole.priors.trained import GeneratorCard
from keyhole.service.files import checksum
from keyhole.targets.stored_weights import save_card

README = "README.md"


@dataclass(frozen=True)
class PriorCard:
    """What is known about a prior.

    Attributes:
        name: of the folder.
        data: what it was trained on.
        autoencoder: the class of the autoencoder, and where it comes from if it was not trained here.
        licence: licence of the weights.
        recipe: settings of the training.
        seed: seed of the training.
        figures: measured values by name; see `keyhole.train.prior.figures`.
        parameters: of the autoencoder and of the U-Net.
        command: command that makes the weights again.
        size: side of the pictures in pixels.
        latent: shape of a picture's latent, C×h×w.
        sha256: SHA-256 of each file of weights, in hexadecimal, by path.
    """

    name: str
    data: str
    autoencoder: str
    licence: str
    recipe: Mapping[str, Any]
    seed: int
    figures: Mapping[str, float]
    parameters: Mapping[str, int]
    command: str
    size: int
    latent: tuple[int, ...]
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)


def write_prior_card(card: PriorCard, folder: Path) -> None:
    """Write ``card.json`` and ``README.md``, with checksums of the weights that lie in ``vae/`` and ``unet/``."""
    files = sorted(file for part in ("vae", "unet") for file in (folder / part).glob("*.safetensors"))
    stamped = dataclasses.replace(card, sha256={file.relative_to(folder).as_posix(): checksum(file) for file in files})
    save_card(stamped, folder)
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    (folder / README).write_text(_readme(stamped, megabytes), encoding="utf-8")


def _readme(card: PriorCard, megabytes: float) -> str:
    figures, parameters = card.figures, card.parameters
    ssim = f", SSIM {_shown(figures, 'ssim', 3)}" if "ssim" in figures else ""
    latent = "×".join(str(side) for side in card.latent)
    takes_text = "denoising_loss_told" in figures
    unet = "UNet2DConditionModel" if takes_text else "UNet2DModel"
    told = ", and of a caption where it is told one (`text_encoder/`)" if takes_text else ""
    with_text = (
        f"  Told the captions of those pictures it is {figures['denoising_loss_told']:.4f}.\n" if takes_text else ""
    )
    return f"""# {card.name}

A prior: what an attacker knows of pictures before it sees a frame. An autoencoder ({card.autoencoder})
turns pictures of {card.size}×{card.size} pixels into latents of {latent} values and back. A U-Net ({unet}) takes
noise off latents, so that a deterministic DDIM sampler makes pictures of noise{told}.

    keyhole attack --attacks decoder-white --prior {card.name}
    keyhole attack --attacks diffusion-white --prior {card.name}

Each part is a folder of diffusers and loads on its own, such as `{unet}.from_pretrained("{card.name}/unet")`. The
U-Net's latents are `(own − latents_mean) / latents_std` of the autoencoder's own, per channel, as `vae/config.json`
has them. The U-Net predicts velocities; the scheduler starts from noise without any signal.

- **Trained on** {card.data}.
- **Ceiling**: {figures["audit_pictures"]} pictures that it never saw, encoded and decoded again, come back with
  PSNR {_shown(figures, "psnr", 2)} dB{ssim} (means with 95 % intervals, one training).
  That is the practical ceiling of attacks that decode through this autoencoder, however much the features leak.
- **Denoising**: the mean squared error of predicted velocities is {figures["denoising_loss"]:.4f} on latents of those
  pictures and {figures["denoising_loss_public"]:.4f} on as many that were trained on. A network that answers 0 has
  1.{with_text}
- **Parameters**: {parameters["autoencoder"]:,} in the autoencoder, {parameters["unet"]:,} in the U-Net, stored in
  {megabytes:.1f} MB.
- **Seed** {card.seed}. **Licence** of the weights: {card.licence}. `card.json` has the whole recipe.
- `samples.jpg`: audit pictures, below them their reconstructions, then samples of the U-Net.

Made by

    {card.command}
"""


def _shown(figures: Mapping[str, float], name: str, digits: int) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return with_interval(figures[name], None if low is None or high is None else (low, high), digits)


def write_generator_card(card: GeneratorCard, folder: Path) -> None:
    """Write ``card.json`` and ``README.md`` of a generator, with checksums of the weights in the folder."""
    files = sorted(file for pattern in ("*", "vae/*", "unet/*") for file in folder.glob(f"{pattern}.safetensors"))
    stamped = dataclasses.replace(card, sha256={file.relative_to(folder).as_posix(): checksum(file) for file in files})
    save_card(stamped, folder)
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    (folder / README).write_text(_generator_readme(stamped, megabytes), encoding="utf-8")


def _generator_readme(card: GeneratorCard, megabytes: float) -> str:
    weights = ", ".join(f"{count:,} in {name}" for name, count in card.parameters.items())
    of_target = (
        f"- **Of the target** {card.target} ({card.target_hash}), {card.classes} classes: its labels are that "
        "model's, and against another\n  one they may mean nothing.\n"
        if card.target
        else ""
    )
    figures = "\n".join(f"- `{name}`: {value:g}" for name, value in card.figures.items())
    return f"""# {card.name}

A generator of kind `{card.kind}`, for attacks on a classifier's training classes:

    keyhole invert --target TARGET --generators {card.name}

- **Trained on** {card.data}.
{of_target}- **Parameters**: {weights}; stored in {megabytes:.1f} MB, half precision.
- **Seed** {card.seed}. **Licence** of the weights: {card.licence}. `card.json` has the whole recipe.
- `samples.jpg`: public pictures, below them made ones.

Measured on what is stored:

{figures}

`liked` is the target's own opinion, and no success of an attack; `spread` is 1 where made pictures differ from one
another as public ones do, and 0 where all are the same.

Made by

    {card.command}
"""
