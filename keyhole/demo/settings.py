"""Flags of ``keyhole demo`` and ``keyhole live``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.judge.class_settings import ClassJudgeSettings
from keyhole.targets.settings import ModelSettings

GRACE_SECONDS = 5.0
"""That the attacks have after the last frame."""


@dataclass(frozen=True)
class SystemSettings(ModelSettings, ClassJudgeSettings):
    """What runs: one edge, one cloud, one oracle, one adversary and one monitor, on this machine."""

    source: str = "streetcam"
    """Pictures the edge sees: `streetcam` (drawn vehicles), `streetcam-clips` (the same driving by), `photos` (they
    come with the libraries), the path of a folder or zip of your own, or SET:PATH (`keyhole data sets` lists the
    sets; clips:PATH has a folder of numbered frames for each video)."""
    public: str = "streetcam"
    """Pictures the adversary may train on: never the ones the edge sees. For `photos`: photos+leaves."""
    codec: str = "fp32"
    """Packing of the features: fp32, fp16, bf16 or int8, with `+zstd` to compress."""
    defence: str = "none"
    """What the edge does to the features before they leave, such as gaussian:scale=0.5, dropout:share=0.5,
    topk:share=0.1 or int8 (`keyhole edge --help` lists all). The adversary knows it."""
    link: str = "none"
    """Link between edge and cloud: none, lan, wifi, 5g, lte, 3g, or RATE:DELAY such as 10mbit:20ms."""
    slowdown: float = 1.0
    """Emulate an edge so many times slower than this machine."""
    fps: float = 1.0
    """Frames per second."""
    attacks: tuple[str, ...] = ("pixels-black/prepared", "pixels-white", "decoder-white", "diffusion-ladder")
    """Attacks that run on the tapped frames, side by side; ATTACK/RECIPE names the recipe too, as in
    diffusion-white/guided (`keyhole adversary --help` lists both). pixels-black/prepared was trained before, where the
    package or --attackers has a network for these frames, and learns beside them where not, as pixels-black always
    does. package.module:Class is one of your own."""
    recipe: str = "strong"
    """Recipe of the attacks that name none."""
    prior: str = "streetcam"
    """What decoder and diffusion attacks know of pictures: the shipped prior streetcam, a diffusers directory,
    owner/name on the Hugging Face hub, or package.module:Class of your own."""
    text: tuple[str, ...] = ()
    """What the frames show, in a few words, which the diffusion model of diffusion attacks is told; it takes a prior
    with a text encoder, and diffusion-black --public pictures with captions. Of several texts each is tried."""
    recall: tuple[str, ...] = ()
    """Training classes that the adversary pictures besides, from the whole classifier and without any frame: numbers
    (3), ranges (0-9) or names. Such a run assumes that the cloud was breached. The target must be a classifier
    (`keyhole train target --task classification`)."""
    recall_attack: str = "latent"
    """Attack that pictures them, as for `keyhole invert --attacks`: latent and guided need no training."""
    recall_public: str | None = None
    """Public pictures that it works with. Absent: those of --public."""
    recall_public_n: int = 1024
    """How many of them, at most. Those of streetcam are drawn once, for some minutes."""
    recall_generators: tuple[Path, ...] = ()
    """Folders of trained generators (`keyhole train prior --kind …`), for attacks that need one."""
    scores: tuple[str, ...] = ()
    """Metrics to score by besides PSNR and SSIM, as for `keyhole attack --metrics`; not those of sets of pictures."""
    alarm_thumbnail: float | None = None
    """Pixels of the equivalent thumbnail from which on a leak raises the alarm. Absent: the smallest thumbnail of which
    the judge reads more than by guessing; 8 where no judge can be asked."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where attacks compute; auto takes a GPU where there is one."""
    tap: Literal["cloud", "wire"] = "cloud"
    """Where the adversary listens: `cloud` (it has the cloud's tap) or `wire` (it sits between edge and cloud)."""
    attackers: tuple[Path, ...] = ()
    """Folders of attackers that `keyhole train attacker` wrote, or of several such folders: an attack begins with the
    one that was trained for these frames. The package brings one, of pixels-black/prepared for the default demo."""
    tls: bool = False
    """Encrypt every channel with mutual TLS. It stops the wire tap and not the cloud tap."""
    budget_seconds: float = 20.0
    """Longest time the optimiser spends on one frame, or one clip."""
    clip: int = 1
    """Consecutive frames that recipes clip, clip-aligned and clip-paper reconstruct together, as in pixels-white/clip.
    --source streetcam-clips and clips:PATH show scenes that move."""
    stride: float = 0.0
    """Seconds from one frame of a clip to the next; frames between are left out. 0: every frame."""
    seed: int = 0
    """Seed of the pictures and of the attacks."""


@dataclass(frozen=True)
class DemoSettings(SystemSettings):
    """Split a model, attack its frames, score the attack: a table, a contact sheet and an HTML report."""

    frames: int = 90
    """Frames the edge sends before it stops."""
    out: Path = Path("runs/demo")
    """Folder for scores, pictures, report and logs; a run already there is replaced."""
    json: Path | None = None
    """Also write the summary to this file."""
    page: str | None = None
    """Also serve the live page at this address, such as 127.0.0.1:8080."""


@dataclass(frozen=True)
class CheckSettings(DemoSettings):
    """Look up all that the flags of `keyhole demo` name, and say what would run, how long and in how much memory.

    Nothing is started and nothing written.
    """


@dataclass(frozen=True)
class LiveSettings(SystemSettings):
    """Run the demo's processes until interrupted and show the attack on a page."""

    out: Path = Path("runs/live")
    """Folder for scores, pictures, report and logs; a run already there goes on."""
    page: str = "127.0.0.1:8080"
    """Address of the live page; 0.0.0.0:8080 shows it to the network, to whoever has the token in
    KEYHOLE_MONITOR_PAGE_TOKEN."""
