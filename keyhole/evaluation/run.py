"""Evaluations: attacks on pictures at some cuts, kept so that a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.entry import Recipe, open_prior
from keyhole.attacks.registry import ChosenAttack
from keyhole.attacks.saved import SavedAttackers
from keyhole.attacks.told import check_text
from keyhole.data import check_apart
from keyhole.defences import defence_named
from keyhole.evaluation.attacked import Attacked
from keyhole.evaluation.published import published
from keyhole.evaluation.scores import UNIT, EvaluationRow, check_scorable, score_set
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import OfflineAttack, Trial, common_facts
from keyhole.evaluation.world import prior_named
from keyhole.evaluation.yardstick import Yardstick
from keyhole.metrics.registry import metrics_named
from keyhole.nn.device import device_named
from keyhole.partition import Partition, partitioned_at
from keyhole.service.errors import UsageError
from keyhole.service.files import OFFLINE, claim
from keyhole.service.memory import keep_all_freed
from keyhole.targets import Target
from keyhole.targets.answers import check_classifies
from keyhole.targets.membership import TrainedOn, warn_of_members
from keyhole.terminal import progress_bar
from keyhole.wire.codec_registry import codec_named

_PASSES = "U-Net passes"  # of a picture, in its PNG


@dataclass(frozen=True)
class Evaluation:
    """Results of attacks on pictures.

    Attributes:
        target: the model under attack.
        run: facts that all attacks share.
        rows: one per attack and cut.
        made: reconstructions of the pictures with the first seed, in the order of the rows.
        yardstick: the pictures, and what the rows were measured by.
    """

    target: Target
    run: dict[str, object]
    rows: Sequence[EvaluationRow]
    made: Sequence[Sequence[Tensor]]
    yardstick: Yardstick


def evaluate(
    settings: OfflineSettings,
    chosen: Sequence[ChosenAttack[Recipe]],
    seeds: Sequence[int],
    console: Console,
    yardstick: Yardstick | None = None,
) -> Evaluation:
    """Run every attack on the pictures at every cut, once with each seed.

    Pictures that an earlier run into the same folder has made are taken from there.

    Args:
        settings: flags that the attacks share.
        chosen: the attacks.
        seeds: of the attacks; the first one chooses the pictures too.
        console: where progress is shown.
        yardstick: of an evaluation of the same pictures by the same metrics; None: they are measured.

    Raises:
        UsageError: no such prior, defence, codec, device, model, cut or metric, public pictures that are attacked, or
            pictures too small or too few to be scored.
        FileNotFoundError: no such pictures.
    """
    SavedAttackers(settings.attackers).check()
    defence_named(settings.defence)
    codec_named(settings.codec)
    metrics = metrics_named(settings.metrics)
    if settings.smoothing is not None and not any(choice.recipe.filters for choice in chosen):
        words = ", ".join(choice.spelled for choice in chosen) or "the blind attacker"
        raise UsageError(f"--smoothing {settings.smoothing:g}: no filter ends {words}; pixels-white/filtered has one")
    check_apart(settings.source, settings.public)
    check_text(settings.text, chosen)
    load = partial(prior_named, settings.prior, device_named(settings.device), settings.text)
    open_prior((choice.entry for choice in chosen), load, settings.sampling_steps)
    torch.set_num_threads(settings.threads)
    keep_all_freed()
    target, partitions = partitioned_at(settings, settings.cuts or (settings.cut,))
    for choice in chosen:
        if choice.entry.classes:
            check_classifies(target, choice.word)
    check_scorable((*metrics, UNIT), target.preprocess.size, settings.n * settings.clip)
    attacked = Attacked.by(settings, target, seeds[0])
    truths = attacked.pictures
    shown = [sample.label for sample in attacked.samples]
    members = warn_of_members(TrainedOn.of_target(settings), target.name, settings.source, shown)

    rows, pictures = [], []
    with progress_bar(console) as progress:
        yardstick = yardstick or Yardstick.ready(settings, attacked, seeds[0], metrics, progress)
        for choice, partition in itertools.product(chosen, partitions):
            trials = [Trial(settings, choice, seed, seeds[0]).prepared(target, partition) for seed in seeds]
            made = [reconstruct_all(trial, target, partition, truths, progress) for trial in trials]
            rows.append(_row(trials, target, partition, made, yardstick))
            pictures.append(made[0].pictures)
    facts = {
        **common_facts(settings, target),
        "seeds": list(seeds),
        **({"videos": attacked.videos} if attacked.videos else {}),
        **({"trained_on": members} if members else {}),
    }
    return Evaluation(target, facts, rows, pictures, yardstick)


@dataclass(frozen=True)
class Reconstructions:
    """Reconstructions of every picture from one cut.

    Attributes:
        pictures: 3×H×W each.
        passes: U-Net passes that each took.
        losses: of the attack by step.
        fresh: how many this run made; an earlier one had made the others.
    """

    pictures: list[Tensor]
    passes: list[int]
    losses: list[float]
    fresh: int


def _row(
    trials: Sequence[Trial],
    target: Target,
    partition: Partition,
    made: Sequence[Reconstructions],
    yardstick: Yardstick,
) -> EvaluationRow:
    choice, plan, truths = trials[0].choice, partition.plan, yardstick.truths
    pictures = {trial.seed: torch.stack(one.pictures) for trial, one in zip(trials, made, strict=True)}
    by_seed = {seed: yardstick.scores(some) for seed, some in pictures.items()}
    sets = {seed: score_set(some, truths, yardstick.asked) for seed, some in pictures.items()}
    return EvaluationRow(
        attack=choice.word,
        plan=plan,
        by_seed=by_seed,
        published=published(choice, trials[0].settings, target, plan.alias),
        passes=statistics.fmean(count for one in made for count in one.passes),
        losses=made[0].losses,
        facts=trials[0].facts,
        sets={seed: found for seed, found in sets.items() if found},
        beside=yardstick.beside,
        standing=yardstick.standing(by_seed, list(pictures.values())),
        units=yardstick.units,
    )


def reconstruct_all(
    trial: Trial, target: Target, partition: Partition, truths: Tensor, progress: Progress
) -> Reconstructions:
    """Reconstruct every picture from one cut; those that an earlier run left in the folder are read from there.

    A batch that an earlier run left unfinished is attacked whole again, for the pictures of a batch may be attacked
    otherwise beside others; those that were there stay as they were.

    Args:
        trial: which attack, how, and the folder; pictures and cuts of its settings are not looked at.
        target: the whole model.
        partition: the model, cut.
        truths: the pictures, N×3×H×W in [0, 1].
        progress: gets a bar.

    Raises:
        UsageError: no such prior, defence, codec or device.
    """
    cut, size = partition.plan.cut, trial.together
    ledger = PictureLedger.open(trial.settings.out, trial.description(target))
    every = range(len(truths))
    missing = {index for index in every if not ledger.has(cut, index)}
    if missing:
        whole = (every[at : at + size] for at in range(0, len(truths), size))
        batches = [batch for batch in whole if not missing.isdisjoint(batch)]
        rounds = 1 if trial.choice.recipe.learns else len(batches)
        name = f"{trial.choice.word} {cut}, seed {trial.seed}"
        total = trial.training_steps + rounds * trial.steps
        task = progress.add_task(name, total=total)
        losses: list[float] = []
        offline = OfflineAttack(trial, target, partition, lambda: progress.advance(task), losses.append)
        for indices, last in zip(batches, offline.reconstruct(truths, batches), strict=True):
            for index, picture in zip(indices, last.pictures, strict=True):
                if index in missing:
                    ledger.keep(cut, index, picture, last.passes)
            ledger.keep_losses(cut, indices[0], losses)
            losses.clear()
        progress.update(task, completed=total)  # an attack may stop early, or say nothing of its steps
    return Reconstructions(
        [ledger.read(cut, index) for index in every],
        [ledger.passes(cut, index) for index in every],
        ledger.losses(cut),
        len(missing),
    )


@dataclass
class PictureLedger:
    """Reconstructions as PNG files in a folder named after what made them.

    Attributes:
        folder: where; created when needed.
    """

    folder: Path
    _temporary: TemporaryDirectory[str] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, out: Path | None, description: dict[str, object]) -> PictureLedger:
        """The ledger of a run.

        Args:
            out: folder for many runs; None: a temporary one.
            description: every fact that a reconstruction depends on.

        Raises:
            UsageError: the folder holds something else.
        """
        if out is None:
            temporary = TemporaryDirectory()
            return cls(Path(temporary.name), temporary)
        text = json.dumps(description, sort_keys=True, default=str)
        claim(out, OFFLINE)
        folder = out / hashlib.sha256(text.encode()).hexdigest()[:12]
        folder.mkdir(exist_ok=True)
        (folder / "run.json").write_text(text + "\n")
        return cls(folder)

    def has(self, cut: str, index: int) -> bool:
        """Whether the picture is there, reconstructed from that cut."""
        return self._path(cut, index).exists()

    def keep(self, cut: str, index: int, picture: Tensor, passes: int = 0) -> None:
        """Store a picture 3×H×W in [0, 1] with the U-Net passes that it took."""
        path = self._path(cut, index)
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".part")
        levels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
        facts = PngInfo()
        facts.add_text(_PASSES, str(passes))
        transform.to_pil_image(levels).save(unfinished, format="PNG", pnginfo=facts)
        unfinished.rename(path)

    def read(self, cut: str, index: int) -> Tensor:
        """The stored picture, 3×H×W in [0, 1]."""
        with Image.open(self._path(cut, index)) as picture:
            tensor: Tensor = transform.pil_to_tensor(picture.convert("RGB"))
        return tensor.float() / 255

    def passes(self, cut: str, index: int) -> int:
        """U-Net passes that the stored picture took."""
        with Image.open(self._path(cut, index)) as picture:
            return int(picture.info.get(_PASSES, 0))

    def keep_losses(self, cut: str, first: int, losses: Sequence[float]) -> None:
        """Store the loss by step of the batch whose first picture is ``first``, or of a training before it."""
        if losses:
            (self.folder / cut / f"{first:04d}.loss.json").write_text(json.dumps(list(losses)))

    def losses(self, cut: str) -> list[float]:
        """The loss by step, the mean over the batches that got so far; empty if none is stored."""
        curves = [json.loads(path.read_text()) for path in sorted((self.folder / cut).glob("*.loss.json"))]
        steps = itertools.zip_longest(*curves)
        return [statistics.fmean(loss for loss in step if loss is not None) for step in steps]

    def _path(self, cut: str, index: int) -> Path:
        return self.folder / cut / f"{index:04d}.png"
