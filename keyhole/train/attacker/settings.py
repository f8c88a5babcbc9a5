"""Flags of ``keyhole train attacker``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.evaluation.settings import OfflineSettings
from keyhole.service.errors import check_flags, seed_rule
from keyhole.targets.settings import ModelSettings


@dataclass(frozen=True)
class AttackerSettings(ModelSettings):
    """Train a black box before it meets a frame, as an attacker does who has a device of the same kind at home.

    Its network learns from what the head answers to public pictures, none of which the victim shows. It is stored as
    int8 with a card that says all that it depends on, and is found again by that: the same target with the same
    weights, cut, defence, codec, public pictures, prior and recipe. Where any of them differs it is refused, and the
    message says which. A stopped training goes on where it was. For example

        keyhole train attacker --cut layer3 --out attackers/layer3
        keyhole live --cut layer3 --attacks pixels-black/prepared pixels-white --attackers attackers
        keyhole attack --cut layer3 --attacks pixels-black/prepared --attackers attackers

        keyhole train attacker --attack decoder-black --steps 3000 --defence gaussian:scale=0.5 --codec int8 \\
            --out attackers/noisy
        keyhole demo --attacks decoder-ladder --defence gaussian:scale=0.5 --codec int8 --attackers attackers
    """

    out: Path = dataclasses.field(kw_only=True)
    """Folder for the pictures that are asked about, checkpoints, model.safetensors and card.json."""
    attack: str = "pixels-black/prepared"
    """Black box to train: pixels-black, decoder-black, diffusion-black or ATTACK/RECIPE; or decoder-ladder,
    diffusion-ladder, whose first rung is one. decoder-ladder takes what is trained as decoder-black too."""
    steps: int | None = None
    """Steps of the training. Absent: the recipe's own, 4096 for prepared, 3072 for paper; 1000 for those that have no
    end of their own, which is no converged attacker."""
    queries: int | None = None
    """Public pictures that the oracle is asked about. Absent: the recipe's, 4096 for prepared and paper; else 2 each
    step."""
    defence: str = "none"
    """Defence of the frames that it is for, as for `keyhole edge`: the oracle's answers go through it."""
    codec: str = "fp32"
    """How these frames are packed: fp32, fp16, bf16 or int8. Compression, as in int8+zstd, makes no difference."""
    public: str = "streetcam"
    """Pictures to ask about: streetcam, photos, leaves, a folder or zip, or SET:PATH; never the ones the victim
    shows."""
    prior: str = "streetcam"
    """What decoder and diffusion attacks know of pictures, as for `keyhole attack`."""
    sampling_steps: int | None = None
    """Steps of a diffusion's sampler. Absent: the recipe's."""
    source: str | None = None
    """Pictures that it is measured on when it is trained, as the victim shows them. Absent: those of `--public`, of the
    pool that nobody learns from."""
    audit: int = 100
    """How many of these; 0 measures nothing."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it computes; auto takes a GPU where there is one."""
    threads: int = 1
    """Threads of one tensor operation."""
    seed: int = 0
    """Seed of the network, of the order of its batches and of the public pictures."""

    @property
    def offline(self) -> OfflineSettings:
        """An attack offline that trains the same network."""
        return OfflineSettings(
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(ModelSettings)},
            source=self.source or self.public,
            defence=self.defence,
            codec=self.codec,
            public=self.public,
            prior=self.prior,
            sampling_steps=self.sampling_steps,
            queries=self.queries,
            iterations=self.steps,
            n=max(1, self.audit),
            batch=16,
            judge=False,
            device=self.device,
            threads=self.threads,
        )


def check_attacker(settings: AttackerSettings) -> None:
    """Refuse what no training can use.

    Raises:
        UsageError: names the flag, its value and what was expected.
    """
    counts = (("--steps", settings.steps), ("--queries", settings.queries), ("--threads", settings.threads))
    check_flags(
        (
            *((flag, value, value >= 1, "1 or more") for flag, value in counts if value is not None),
            ("--audit", settings.audit, settings.audit == 0 or settings.audit >= 2, "2 or more, or 0"),
            seed_rule("--seed", settings.seed),
        )
    )
