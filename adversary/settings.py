"""Flags of the adversary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.attacks.prior_settings import AttackPriorSettings
from keyhole.service.errors import UsageError, check_flags, seed_rule
from keyhole.service.secret import SecretFile
from keyhole.service.settings import ServiceSettings
from keyhole.targets.settings import ModelSettings

MOST_FRAMES = 16
"""Of a clip; the monitor keeps twice as many."""


@dataclass(frozen=True)
class AdversarySettings(AttackPriorSettings, ServiceSettings, ModelSettings):
    """Copy frames on their way or at the cloud, and reconstruct the pictures behind them while the system runs.

    It sees frames, the answers of its own oracle and public pictures; the white box knows the head as well. The monitor
    alone holds the truth and tells nothing of the scores.
    """

    tap: Literal["cloud", "wire"] = "cloud"
    """Where frames are copied: `cloud` subscribes to the cloud's tap; `wire` is a proxy between edge and cloud, and
    sees nothing where they use TLS."""
    cloud: str = "127.0.0.1:50051"
    """Address of the cloud."""
    tap_token: SecretFile | None = None
    """File of the secret that opens the cloud's tap; or KEYHOLE_ADVERSARY_TAP_TOKEN, the secret itself."""
    listen: str = "127.0.0.1:50053"
    """Address of the proxy of `--tap wire`, which the edge takes for the cloud; port 0 takes a free one."""
    oracle: str = "127.0.0.1:50052"
    """Address of the oracle, which black-box attacks learn from."""
    referee: str | None = "127.0.0.1:50062"
    """Address of the monitor's submit port. None: reconstructions are made and not scored."""
    attacks: tuple[str, ...] = ("pixels-black/prepared", "pixels-white", "decoder-white", "diffusion-ladder")
    """Attacks to run, each on its own thread: pixels-white optimises the picture through the known head, dip-white the
    weights of an untrained network that makes it, decoder-white the latent of a prior, diffusion-white a latent that a
    diffusion model holds among those of pictures; pixels-black, decoder-black and diffusion-black train a network on
    the oracle's answers that makes picture, latent or a latent that a diffusion model has yet to denoise; query-free
    asks no oracle and inverts a shadow of the head, which it trains through the cloud's half of a classifier with
    public pictures of its classes. decoder-ladder and diffusion-ladder answer every frame at once by such a network and
    refine the newest as far as time allows. ATTACK/RECIPE names the recipe too: diffusion-white/guided.
    package.module:Class is one of your own. The blind attacker, who sees no frame, always runs beside them: what it
    scores is no leak."""
    recipe: str = "strong"
    """How attacks work that name no recipe: strong; prepared (pixels-black: trained before, see --attackers; without
    such a network it learns beside the frames, as strong); paper (as the feature-inversion paper has them; its black
    box asks the oracle 4096 times before it begins); rmle (pixels-white: He et al.'s optimiser); filtered
    (pixels-white: strong, and a denoising last); noise (of diffusion: the noise before a short sampler is what is
    optimised, or what the network makes); guided (diffusion-white: a sampler is led); refined (decoder-white and
    diffusion-white) and refined-guided (diffusion-white: led from there); one-step (decoder-black and the ladders: a
    second network refines the first one's latent)."""
    defence: str = "none"
    """Defence of the edge, as far as the adversary knows it: none, or as for the edge, such as gaussian:scale=0.5."""
    public: str = "streetcam"
    """Pictures that black-box attacks learn from: streetcam, photos, leaves, a folder or zip, or SET:PATH (see
    `keyhole data sets`); several joined by + take turns."""
    queries: int | None = None
    """Public pictures that a black box asks the oracle about. Absent: as many as it answers; 4096 for paper."""
    attackers: tuple[Path, ...] = ()
    """Folders of attackers that `keyhole train attacker` wrote, or of several such folders. An attack begins with the
    one that was trained for the frames that come; where none serves, the log says why and it learns beside them. The
    package brings one, of pixels-black/prepared for the default demo."""
    budget_seconds: float = 20.0
    """Longest time that an optimiser spends on one frame, or one clip."""
    backlog: int = 4
    """Frames that wait for an attack; the newest goes first, the oldest is dropped and counted."""
    clip: int = 1
    """Consecutive frames of one edge that recipes clip, clip-aligned and clip-paper reconstruct together, as in
    pixels-white/clip. Frames that a drop or a gap has parted are no clip, and are counted as lost. No frame is in two
    clips. Other recipes take every frame by itself. Black boxes learn from clips of --public: streetcam or
    clips:PATH."""
    stride: float = 0.0
    """Seconds from one frame of a clip to the next; frames between are left out. 0: every frame. Videos of --public
    are taken to have 25 frames a second."""
    interval: float = 1.0
    """Seconds between the pictures that an attack under way hands in."""
    recall: tuple[str, ...] = ()
    """Training classes of the whole classifier to picture beside the tap, as after a breach of the cloud: numbers (3),
    ranges (0-9) or names. It runs in a process of its own at low priority, on one thread of the CPU, and sees no
    frame."""
    recall_attack: str = "latent"
    """Attack that pictures them, as for `keyhole invert --attacks`: latent and guided need no training."""
    recall_public: str | None = None
    """Public pictures that it works with, as for `keyhole invert --public`: none may show one of the classes. Absent:
    those of --public."""
    recall_public_n: int = 1024
    """How many of them, at most. Those of streetcam are drawn once, for some minutes."""
    recall_generators: tuple[Path, ...] = ()
    """Folders of trained generators (`keyhole train prior --kind …`), for attacks that need one."""
    recall_out: Path = Path("runs/recall")
    """Folder that keeps finished pictures of classes; an adversary that starts again goes on from there."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where attacks compute; auto takes a GPU where there is one."""
    threads: int = 1
    """Threads of one tensor operation. More help only on idle cores: waiting for each other costs more on busy ones."""
    seed: int = 0
    """Seed of all random choices."""


def check(settings: AdversarySettings) -> None:
    """Refuse what no run can use.

    Raises:
        UsageError: names the flag, its value and what was expected.
    """
    rules = (
        ("--attacks", settings.attacks, settings.attacks, "one or more"),
        ("--budget-seconds", settings.budget_seconds, settings.budget_seconds > 0, "more than 0"),
        seed_rule("--seed", settings.seed),
        ("--backlog", settings.backlog, settings.backlog >= 1, "1 or more"),
        ("--clip", settings.clip, 1 <= settings.clip <= MOST_FRAMES, f"1 to {MOST_FRAMES}"),
        ("--stride", settings.stride, settings.stride >= 0, "0 or more seconds"),
        ("--stride", settings.stride, settings.stride == 0 or settings.clip > 1, "0 without --clip"),
        ("--interval", settings.interval, settings.interval >= 0, "0 or more seconds"),
        ("--threads", settings.threads, settings.threads >= 1, "1 or more"),
        ("--recall-public-n", settings.recall_public_n, settings.recall_public_n >= 2, "2 or more"),
    )
    if settings.recall and settings.head_only:
        raise UsageError("--recall pictures the classes of a whole classifier, and --head-only names a head alone")
    counts = (("--sampling-steps", settings.sampling_steps), ("--queries", settings.queries))
    given = ((flag, value, value >= 1, "1 or more") for flag, value in counts if value is not None)
    check_flags((*rules, *given))
