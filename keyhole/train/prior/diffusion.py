"""The second stage of a prior: a U-Net that learns to denoise latents, its scheduler and its directory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import diffusers
import torch
from torch import Tensor, nn

from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation

GAMMA = 5.0
"""Largest weight of a clean latent's squared error."""
SAMPLING_STEPS = 20
"""Steps of the sampler, as in the feature-inversion paper."""
_GROUPS = 32


def new_scheduler() -> Any:
    """The schedule of the noise, for DDIM.

    Stable Diffusion's betas, stretched until the last timestep holds noise alone, with velocities to predict and
    timesteps from the last one down (Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed").
    An attack starts a sampler of 4 to 20 steps from pure noise and moves that noise: so the network must know pure
    noise, which a schedule that keeps a rest of signal never shows it, and the first step must start there. A network
    that predicts noise cannot be used there, because the clean latent would be divided by √ᾱ = 0.
    """
    return diffusers.DDIMScheduler(  # type: ignore[no-untyped-call]
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
    )


def new_unet(
    channels: int, side: int, widths: Sequence[int], labels: int | None = None, *, text_width: int | None = None
) -> nn.Module:
    """A UNet2DModel of random weights, one residual block a resolution down and two up; a UNet2DConditionModel where it
    takes text.

    Args:
        channels: of the latents.
        side: of the latents, which ``2 ** (len(widths) - 1)`` divides.
        widths: channels at each resolution, each half the one before; all but the first have attention.
        labels: that it is conditional on, each with an embedding; None: on none.
        text_width: of the embedding of a text that it is conditional on; None: on none.
    """
    shared = math.gcd(_GROUPS, *widths)
    common: dict[str, Any] = {
        "sample_size": side,
        "in_channels": channels,
        "out_channels": channels,
        "block_out_channels": tuple(widths),
        "norm_num_groups": shared,
        "layers_per_block": 1,
    }
    network: Any
    if text_width is None:
        network = diffusers.UNet2DModel(  # type: ignore[no-untyped-call]
            **common,
            **_blocks("AttnDownBlock2D", len(widths)),
            attention_head_dim=shared,
            num_class_embeds=labels,
        )
    else:
        network = diffusers.UNet2DConditionModel(  # type: ignore[no-untyped-call]
            **common,
            **_blocks("CrossAttnDownBlock2D", len(widths)),
            attention_head_dim=tuple(width // shared for width in widths),  # the number of heads, whatever it is called
            cross_attention_dim=text_width,
        )
    return cast(nn.Module, network)


def _blocks(attending: str, count: int) -> dict[str, tuple[str, ...]]:
    """Kinds of the U-Net's blocks, all but the outermost with attention."""
    down = ("DownBlock2D", *[attending] * (count - 1))
    return {"down_block_types": down, "up_block_types": tuple(kind.replace("Down", "Up") for kind in reversed(down))}


class Noising(NamedTuple):
    """A step's data: latents N×C×h×w, the noise to add, as many, N timesteps, and for a U-Net that takes them N labels
    or embeddings N×tokens×width of texts."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    labels: Tensor | None = None
    texts: Tensor | None = None


class DiffusionTraining(TrainingPlan):
    """See `TrainingPlan`. The module is a U-Net of diffusers.

    Args:
        network: takes noisy latents and timesteps.
        latents: normalised, N×C×h×w.
        batch: latents in a step.
        steps, every, optimisation: see `TrainingPlan`.
        look: called after each round with the module.
    """

    def __init__(
        self,
        network: nn.Module,
        latents: Tensor,
        *,
        steps: int,
        batch: int,
        every: int,
        optimisation: Optimisation,
        look: Callable[[nn.Module], str],
    ) -> None:
        self.module = network
        self.steps, self.every, self.optimisation = steps, every, optimisation
        self._latents, self._batch, self._look = latents, batch, look
        self._scheduler = new_scheduler()

    def batches(self, first: int, last: int) -> Iterator[Noising]:
        for step in range(first, last):
            generator = torch.Generator().manual_seed(self.optimisation.seed * 1_000_003 + step)
            latents = self._latents[torch.randint(len(self._latents), (self._batch,), generator=generator)]
            noise = torch.randn(latents.shape, generator=generator)
            trained = len(self._scheduler.alphas_cumprod)
            yield Noising(latents, noise, torch.randint(trained, (self._batch,), generator=generator))

    def losses(self, module: nn.Module, batch: Noising) -> Mapping[str, Tensor]:
        errors = velocity_errors(module, self._scheduler, batch)
        alphas = self._scheduler.alphas_cumprod.to(errors.device)[batch.timesteps]
        return {"velocity": (min_snr(alphas) * errors).mean()}

    def report(self, module: nn.Module, done: Round) -> str:
        means = "  ".join(f"{name} {mean:.4f}" for name, mean in done.losses.items())
        return f"U-Net {done.steps}/{self.steps}  {means}  {self._look(module)}  {done.seconds:.0f} s"


def velocity_errors(network: nn.Module, scheduler: Any, batch: Noising) -> Tensor:
    """Mean squared errors of predicted velocities, v = √ᾱ·ε − √(1 − ᾱ)·x₀ (Salimans and Ho 2022, §4), N of them."""
    noisy = scheduler.add_noise(batch.latents, batch.noise, batch.timesteps)
    velocity: Tensor = scheduler.get_velocity(batch.latents, batch.noise, batch.timesteps)
    given = {} if batch.labels is None else {"class_labels": batch.labels}
    texts = untold(network, len(noisy), noisy.device) if batch.texts is None else {"encoder_hidden_states": batch.texts}
    predicted: Tensor = network(noisy, batch.timesteps, **given, **texts).sample
    return (predicted.float() - velocity).square().mean(dim=(1, 2, 3))


def untold(network: nn.Module, count: int, device: torch.device) -> dict[str, Tensor]:
    """What a U-Net that takes text is given without one: zeros, for each of ``count`` latents; nothing for others."""
    width = getattr(network, "config", {}).get("cross_attention_dim")
    return {} if width is None else {"encoder_hidden_states": torch.zeros(count, 1, width, device=device)}


def min_snr(alphas: Tensor) -> Tensor:
    """Weights of squared errors of velocities at ᾱ, N of them: min(SNR + 1, γ) / (SNR + 1) = min(1, γ·(1 − ᾱ)).

    The error of the velocity is that of the clean latent times √(SNR + 1), so the latter's squared error gets the
    weight min(SNR + 1, γ). Min-SNR-γ (Hang et al. 2023, §3.4) is min(SNR, γ), which leaves the timestep without signal
    untrained: their schedule has none. The 1 makes up for that.
    """
    return (GAMMA * (1 - alphas)).clamp(max=1)


@torch.no_grad()
def denoising_loss(
    network: nn.Module,
    latents: Tensor,
    seed: int,
    batch: int = 64,
    *,
    labels: Tensor | None = None,
    texts: Tensor | None = None,
) -> float:
    """Mean squared error of the velocities of latents N×C×h×w, without weights: 1 for a network that answers 0.

    The timesteps are spread evenly over all, each latent at one of them.

    Args:
        network: takes noisy latents and timesteps.
        latents: normalised.
        seed: of noise and timesteps.
        batch: latents at once.
        labels: N, for a network that is conditional on them.
        texts: embeddings N×tokens×width of each latent's; None: none is given.
    """
    scheduler = new_scheduler()
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    trained, count = len(scheduler.alphas_cumprod), len(latents)
    timesteps = (torch.arange(count) * trained // count)[torch.randperm(count, generator=generator)]
    noise = torch.randn(latents.shape, generator=generator)
    network.eval()
    whole = {"latents": latents, "noise": noise, "timesteps": timesteps, "labels": labels, "texts": texts}
    given = {name: value.to(device) for name, value in whole.items() if value is not None}
    parts = (
        Noising(**{name: value[first : first + batch] for name, value in given.items()})
        for first in range(0, count, batch)
    )
    return float(torch.cat([velocity_errors(network, scheduler, part) for part in parts]).mean())


@torch.no_grad()
def sample(network: nn.Module, shape: tuple[int, int, int, int], seed: int, steps: int = SAMPLING_STEPS) -> Tensor:
    """Latents of a shape N×C×h×w that deterministic DDIM makes of seeded noise."""
    scheduler = new_scheduler()
    scheduler.set_timesteps(steps)
    network.eval()
    device = next(network.parameters()).device
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)
    given = untold(network, len(latents), device)
    for timestep in scheduler.timesteps:
        predicted = network(latents, timestep.to(device), **given).sample
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return latents.cpu()


def save_diffusion(network: Any, folder: Path) -> nn.Module:
    """Write ``unet/`` in half precision, ``scheduler/`` and ``model_index.json`` beside a ``vae/`` that is there.

    The index lists the parts under the base class of pipelines, which does not load them at once: no unconditional
    pipeline of diffusers (LDMPipeline) reads per-channel statistics of latents, so none would sample rightly.

    Returns:
        The network with its weights rounded as they are stored, in evaluation mode, on the processor.
    """
    stored: nn.Module = network.cpu().half()
    network.save_pretrained(folder / "unet")
    new_scheduler().save_pretrained(folder / "scheduler")
    kind = json.loads((folder / "vae" / "config.json").read_text())["_class_name"]
    index = {
        "_class_name": "DiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "vae": ["diffusers", kind],
        "unet": ["diffusers", type(network).__name__],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    return stored.float().eval()
