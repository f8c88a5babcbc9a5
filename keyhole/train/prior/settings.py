"""Flags of ``keyhole train prior``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from keyhole.service.errors import UsageError

POOLS = ("public", "public-shifted")
KindName = Literal["diffusion", "cdm", "gan", "inversion-gan", "cgan", "students"]
"""What is trained; `keyhole.train.prior.kinds.KINDS` has what makes each."""
TARGETED = ("cdm", "inversion-gan", "cgan", "students")
"""Kinds that learn from a target's answers."""


@dataclass(frozen=True)
class PriorSettings:
    """Train a prior, which is what an attacker knows of pictures before it sees a frame: an autoencoder, then a U-Net
    that takes noise off its latents. The result is a diffusers directory that `--prior` of `keyhole attack` and
    `keyhole adversary` takes. A stopped run goes on where it was, in either stage. For example

        keyhole train prior --data streetcam --out runs/prior-streetcam
        keyhole train prior --data lfw-112.zip --size 112 --unet-widths 96 128 --out runs/prior-lfw
        keyhole train prior --data streetcam --autoencoder taef2/ --unet-widths 96 128 192 --out runs/prior-taef2
        keyhole train prior --data streetcam --autoencoder streetcam --text runs/clip --out runs/prior-told

    The first suits two cores without a GPU. With a GPU: --precision bf16, five to ten times the steps, wider networks.

    The other kinds are what attacks on a classifier's training classes make pictures with (`keyhole invert
    --generators`); all but `gan` learn what one target answers to public pictures, and serve against that target alone:

        keyhole train prior --kind gan --data lfw-112.zip --size 64 --out runs/gan
        keyhole train prior --kind inversion-gan --target runs/target --data lfw-112.zip --size 64 --out runs/ked
        keyhole train prior --kind cgan --target runs/target --data lfw-112.zip --size 64 --out runs/plg
        keyhole train prior --kind cdm --target runs/target --data lfw-112.zip --size 64 --autoencoder taef2/ \\
            --unet-widths 64 96 128 --out runs/cdm
        keyhole train prior --kind students --target runs/target --data lfw-112.zip --size 64 --out runs/students
    """

    data: str
    """`streetcam`, a data set as NAME:PATH (`keyhole data sets` lists them), a folder or zip of pictures, `photos`,
    `leaves`, or several of them joined by `+`."""
    out: Path
    """Folder for vae/, unet/, scheduler/, model_index.json, README.md, card.json and samples.jpg; what a stopped run
    needs lies in its folder `training`, which may be deleted in the end."""
    kind: KindName = "diffusion"
    """What to train: `diffusion`, an autoencoder and a U-Net; `cdm`, the same conditional on a target's classes (attack
    diff-mi); `gan`, a generator and a critic (gmi, ppa, mirror, vmi, brep-mi); `inversion-gan`, one whose critic knows
    the target (ked-mi); `cgan`, one conditional on the target's classes (plg-mi); `students`, copies of the target that
    learn from its answers alone (lomma)."""
    target: str | None = None
    """The classifier that the attack is for, by name or folder; all kinds but `diffusion` and `gan` need it."""
    weights: Path | None = None
    """File of the target's weights, where they are not its own."""
    pool: str = "public"
    """Pictures to learn from: `public`; or, of streetcam, `public-shifted`, an attacker's who only knows other cameras.
    The figures are measured on the pool `audit`."""
    pictures: int = 12000
    """Pictures to learn from; fewer where the data has fewer. One of 128 pixels takes 48 KiB of memory and its latent
    24 KiB."""
    size: int = 128
    """Side of the pictures in pixels."""
    autoencoder: Path | None = None
    """A finished autoencoder, so that only the U-Net is trained: the shipped prior `streetcam`, a diffusers directory
    of AutoencoderKL, AutoencoderDC or AutoencoderTiny, or one that has it in `vae/`, or a folder with the two
    taef2_*.safetensors."""
    text: Path | None = None
    """`diffusion`: folder with a text encoder, as `keyhole train target --task captions` leaves one: the U-Net learns
    to be told captions, which the pictures must have, and `--text` of attacks takes the prior. Without a text it is
    unconditional."""
    text_dropout: float = 0.1
    """`diffusion`: probability that a picture of a step goes without its caption."""
    latent_channels: int = 24
    """Channels of the autoencoder's latents; they divide the last of its widths."""
    widths: tuple[int, ...] = (48, 96, 192)
    """Channels of the autoencoder at half of the picture's side, a quarter, …: three of them make latents of an eighth.
    Multiples of 4; each divides four times the one before."""
    blocks: tuple[int, ...] = (1, 2, 1)
    """Residual blocks at each of these sides, in the encoder and in the decoder."""
    unet_widths: tuple[int, ...] = (64, 96, 96)
    """Channels of the U-Net at each resolution; all but the first have attention."""
    steps: int = 10000
    """Steps of the autoencoder's training."""
    halved: float = 0.5
    """Share of these steps, the first ones, on pictures of half the side, which cost a quarter."""
    unet_steps: int = 5000
    """Steps of the U-Net's training: about 23 minutes of one core with latents of 32×8×8, as taef2 makes them of 64
    pixels, and widths of 64 96 128."""
    batch: int = 4
    """Pictures in a step of the autoencoder."""
    unet_batch: int = 64
    """Latents in a step of the U-Net."""
    learning_rate: float = 1.5e-3
    """Peak of the one-cycle schedule of the autoencoder."""
    unet_learning_rate: float = 1e-3
    """Peak of the one-cycle schedule of the U-Net."""
    top_n: int = 30
    """`cdm`, `cgan`: public pictures that each class gets as pseudo-labels, those that the target takes for it most."""
    liked_by: Literal["softmax", "logit"] = "softmax"
    """`cdm`, `cgan`: what these are sorted by: the probability of the class, as the code of PLG-MI and Diff-MI does it,
    or its logit, as their papers write."""
    z: int | None = None
    """Numbers that a GAN makes a picture of. Absent: 100, of `cgan` 128."""
    gan_width: int | None = None
    """Channels of a GAN's generator next to the picture; they double with each halving of the side. Absent: 32, of
    `cgan` 16."""
    critic_width: int | None = None
    """Those of its critic. Absent: as the generator's."""
    gan_steps: int | None = None
    """Steps of a GAN's generator. Absent: 2,000 of `gan` and `cgan`, 3,000 of `inversion-gan`: at 64 pixels about an
    hour of one core, of the last three quarters of one."""
    critic_steps: int | None = None
    """Steps of the critic before each of them. Absent: 5 of `gan`, 4 of `inversion-gan`, 2 of `cgan` (5 in PLG-MI)."""
    gan_batch: int = 32
    """Pictures in a step of a GAN."""
    gan_learning_rate: float = 2e-4
    """Learning rate of a GAN, which stays as it is."""
    gan_ema: float = 0.999
    """Decay of the averages of a GAN's weights, which are the ones stored, in each step, the critic's among them."""
    alpha: float = 0.2
    """`cgan`: weight of the target's max-margin loss; 0: the target gives pseudo-labels alone."""
    null_label: float = 0.1
    """`cdm`: probability that a picture of a step goes without its label."""
    tuning_steps: int = 300
    """`cdm`: steps of the fine-tuning through the sampler; 0: none. With the survey about 8 minutes of one core at 64
    pixels through taef2, against a ResNet-18."""
    tuning_survey: int = 30
    """`cdm`: steps of a first fine-tuning of the whole middle block, which tells its layers by how much they change."""
    tuning_layers: int = 5
    """`cdm`: layers of the middle block, those of the largest relative change, that are fine-tuned with the label
    embedding."""
    tuning_batch: int = 4
    """`cdm`: pictures in a step of the fine-tuning."""
    tuning_sampler: int = 6
    """`cdm`: steps of the sampler that the fine-tuning goes through."""
    tuning_decoded: int = 2
    """`cdm`: of these, the last ones whose clean latents are decoded and shown to the target."""
    tuning_guidance: float = 3.0
    """`cdm`: guidance in these steps; 1: none, which halves the time."""
    tuning_learning_rate: float = 2e-4
    """`cdm`: peak of the one-cycle schedule of the fine-tuning."""
    tuning_loss: str = "top-k:p-reg=1"
    """`cdm`: loss of the fine-tuning, one of `ce`, `poincare`, `max-margin`, `logit`, `top-k` with its settings."""
    students: tuple[str, ...] = ("narrow:resnet18-16", "narrow:vgg11-16", "timm:mobilenetv3_small_100")
    """`students`: their architectures, as for `keyhole train target`. LOMMA has timm:efficientnet_b0, b1 and b2, which
    are seven times the work."""
    student_epochs: int = 20
    """`students`: passes over the public pictures, of each: 20 over 4,000 of 64 pixels take about 11 minutes of one
    core."""
    student_batch: int = 64
    """`students`: pictures in a step."""
    student_learning_rate: float = 0.01
    """`students`: peak of the one-cycle schedule."""
    every: int = 300
    """Steps between lines of progress, each with a new samples.jpg."""
    audit: int = 200
    """Pictures of the pool `audit` that the figures are measured on; of `students`, public pictures that none learns
    from, a fifth of them at most."""
    precision: Literal["no", "bf16"] = "no"
    """`bf16` pays on GPUs and on processors with native bf16 arithmetic and is many times slower on others."""
    workers: int = 2
    """Processes that draw or read the pictures, once before the training; 0: this one."""
    seed: int = 0
    """Seed of the choice of pictures, of weights, order and noise."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card; name that of a given autoencoder too."""

    def __post_init__(self) -> None:
        if self.pool not in POOLS:
            raise UsageError(
                f"--pool {self.pool}: a prior is what an attacker knows, so it must not learn from the victim's "
                f"pictures nor from those that attacks are scored on: expected {' or '.join(POOLS)}"
            )
        if self.pool != "public" and self.data != "streetcam":
            raise UsageError(f"--pool {self.pool}: only streetcam has it; expected public for {self.data}")
        for name, smallest in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise UsageError(f"--{_flag(name)} {value}: expected {smallest} or more")
        self._check_text()
        if not 0 <= self.null_label < 1:
            raise UsageError(f"--null-label {self.null_label:g}: expected a probability below 1")
        if self.tuning_decoded > self.tuning_sampler:
            raise UsageError(
                f"--tuning-decoded {self.tuning_decoded}: the sampler has {self.tuning_sampler} steps "
                "(--tuning-sampler)"
            )
        if not 0 <= self.halved <= 1:
            raise UsageError(f"--halved {self.halved:g}: expected a share from 0 to 1")
        for name in ("widths", "unet_widths"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise UsageError(f"--{_flag(name)}: expected one number of channels for each resolution, 1 or more")
        if len(self.blocks) != len(self.widths) or min(self.blocks) < 1:
            raise UsageError(f"--blocks: expected one number for each of the {len(self.widths)} --widths, 1 or more")
        if self.autoencoder is None:
            self._check_widths()

    def _check_text(self) -> None:
        if self.text is not None and self.kind != "diffusion":
            raise UsageError(f"--text: a prior of kind {self.kind} takes no text; expected --kind diffusion")
        if not 0 <= self.text_dropout < 1:
            raise UsageError(f"--text-dropout {self.text_dropout:g}: expected a probability below 1")

    def _check_widths(self) -> None:
        """Shortcuts beside the halvings average whole groups of channels."""
        for before, width in pairwise((self.widths[0], *self.widths)):
            if width % 4 or 4 * before % width:
                raise UsageError(
                    f"--widths {' '.join(map(str, self.widths))}: {width} is no multiple of 4 that divides four times "
                    "the one before"
                )
        if self.widths[-1] % self.latent_channels:
            raise UsageError(
                f"--latent-channels {self.latent_channels}: expected a divisor of the last width, {self.widths[-1]}"
            )


_LEAST = {
    **dict.fromkeys(("pictures", "audit", "gan_batch"), 2),
    **dict.fromkeys(
        ("steps", "unet_steps", "batch", "unet_batch", "every", "latent_channels", "size", "top_n", "z"), 1
    ),
    **dict.fromkeys(("gan_width", "critic_width", "gan_steps", "critic_steps", "student_epochs", "student_batch"), 1),
    **dict.fromkeys(("tuning_survey", "tuning_layers", "tuning_batch", "tuning_sampler", "tuning_decoded"), 1),
    **dict.fromkeys(("tuning_steps", "alpha", "gan_ema"), 0),
}


def _flag(name: str) -> str:
    return name.replace("_", "-")
