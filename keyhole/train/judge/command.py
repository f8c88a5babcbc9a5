"""``keyhole train judge``: from drawn pictures to the judge's weights with a card."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate.utils import set_seed
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data.sample import SecretLabels, eight_bit
from keyhole.data.streetcam.camera import CAMERAS
from keyhole.data.streetcam.shot import secret_labels
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.command import measure_and_keep
from keyhole.judge.judge import ARCHITECTURE, Judge
from keyhole.judge.loading import JudgeCard, load_judge
from keyhole.judge.reading import identity_rank_1, read_secrets, streetcam_views
from keyhole.judge.recovery import Recovery, summarise
from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, alone
from keyhole.targets.stored_weights import WEIGHTS, save_quantised, this_command, write_card
from keyhole.terminal import terminal
from keyhole.train.judge.embedding import EmbedderRecipe, EmbedderTask, TeacherRecipe, split_vehicles, taught_by_teacher
from keyhole.train.judge.pictures import DrawingPlan, TruePictures, true_pictures
from keyhole.train.judge.reading import ReadingRecipe, ReadingTraining
from keyhole.train.judge.settings import JudgeSettings
from keyhole.train.loop import run_plan, train_task
from keyhole.train.recipe import stages_of


@dataclass(frozen=True)
class JudgeRecipe:
    """Hyper-parameters of the judge's networks, which share nothing.

    Attributes:
        reading: of the readers of plates and people.
        teacher: of the embedder's teacher, which is not part of the judge.
        telling: of the embedder, which tells vehicles apart.
    """

    reading: ReadingRecipe
    teacher: TeacherRecipe
    telling: EmbedderRecipe


def judge(settings: JudgeSettings) -> int:
    """Draw, train, store as int8, measure what is stored, write the card and what is legible; return the exit code."""
    console = terminal()
    with alone(settings.out, TRAINING):
        plan = DrawingPlan(settings.identities, settings.views, settings.near, settings.seed)
        shared = {name: getattr(settings, name) for name in ("batch", "seed", "precision")}
        batches = {**shared, "per_identity": min(4, settings.batch // 2)}
        recipe = JudgeRecipe(
            ReadingRecipe(
                steps=settings.steps,
                learning_rate=settings.learning_rate,
                every=settings.every,
                clean=settings.clean,
                **shared,
            ),
            TeacherRecipe(stages=stages_of(settings.teacher_stages), **batches),
            EmbedderRecipe(stages=stages_of(settings.stages), clean=settings.clean, **batches),
        )
        trained = train_judge(true_pictures(plan, settings.out, settings.workers), recipe, settings.out)

        save_quantised(trained.state_dict(), settings.out / WEIGHTS)
        card = JudgeCard(
            architecture=ARCHITECTURE,
            data=f"streetcam, pool public: {len(plan)} pictures at {plan.size} px",
            licence=settings.licence,
            recipe=dataclasses.asdict(plan) | dataclasses.asdict(recipe),
            seed=settings.seed,
            figures={},
            command=this_command(),
        )
        write_card(card, settings.out)
        figures = judge_figures(load_judge(settings.out), settings.audit, settings.seed, settings.workers)
        rounded = {name: round(value, 4) for name, value in figures.items()}
        write_card(dataclasses.replace(card, figures=rounded), settings.out)
        console.print(rounded)
        measure_and_keep(settings.out, settings.thumbnails, settings.seed + 1, console)
        console.print(f"{(settings.out / WEIGHTS).stat().st_size / 2**20:.2f} MiB in {settings.out / WEIGHTS}")
        return 0


def train_judge(data: TruePictures, recipe: JudgeRecipe, out: Path) -> Judge:
    """Train a judge; goes on from the checkpoints in ``out/reading``, ``teacher`` and ``telling`` where a run stopped.

    Args:
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.
        out: folder for checkpoints.

    Raises:
        ValueError: no picture shows a plate or a person, or too few vehicles.
    """
    set_seed(recipe.reading.seed)
    judge = Judge()
    train, trials = split_vehicles(data)
    run_plan(ReadingTraining(judge, data, recipe.reading), out / "reading")
    teaching = taught_by_teacher(train, trials, recipe.teacher, out / "teacher")
    telling = EmbedderTask(judge.embedder, train, trials, recipe.telling, teaching)
    judge.embedder.network = train_task(telling, out / "telling")
    return judge.cpu().eval()


def judge_figures(judge: Judge, vehicles: int, seed: int, workers: int = 0, views: int = CAMERAS) -> dict[str, float]:
    """Figures by name; shares lie in [0, 1].

    Glyph and attribute accuracies count what `keyhole.judge.reading` calls near. Rank-1 is what the referee asks of
    reconstructions (`keyhole.judge.reading.identity_rank_1`), here of true pictures.

    Args:
        judge: in evaluation mode.
        vehicles: of the pool ``audit``.
        seed: of the passes.
        workers: processes that draw; 0: this one.
        views: cameras before which each vehicle is seen, 24 at most.

    Raises:
        ValueError: no vehicle, or no view.
    """
    if vehicles < 1 or views < 1:
        raise UsageError(f"{vehicles} vehicles before {views} cameras: expected 1 or more of each")
    loader = DataLoader(_Audit(vehicles, seed, views), batch_size=64, num_workers=workers, collate_fn=list)
    recoveries: list[Recovery] = []
    embeddings, identities = [], []
    for batch in track(loader, f"measuring on {vehicles * views} audit pictures"):
        pictures = eight_bit(torch.stack([picture for picture, _ in batch]))
        labels = [about for _, about in batch]
        recoveries += read_secrets(judge, pictures, labels)
        embeddings.append(judge.embed(pictures))
        identities += [about.identity for about in labels]
    gallery = {identity: judge.embed(_views(identity)) for identity in dict.fromkeys(identities)}
    rank_1 = identity_rank_1(torch.cat(embeddings), identities, gallery)
    found = summarise(recoveries)
    figures = {"vehicles": float(vehicles), "glyphs": float(found.glyphs)}
    if found.glyph_accuracy is not None:
        figures["glyph_accuracy"] = found.glyph_accuracy
    for name, score in found.attributes.items():
        figures |= {f"{name}_accuracy": score.accuracy, f"{name}_majority": score.majority}
    return figures | {"identity_rank_1": rank_1}


class _Audit(Dataset[tuple[Tensor, SecretLabels]]):
    """Vehicles of the pool ``audit``, each before several cameras."""

    def __init__(self, vehicles: int, seed: int, views: int) -> None:
        self._vehicles = vehicles
        self._views = views
        self._source = Streetcam("audit", seed=seed)

    def __len__(self) -> int:
        return self._vehicles * self._views

    def __getitem__(self, index: int) -> tuple[Tensor, SecretLabels]:
        vehicle, view = divmod(index, self._views)
        camera = (vehicle + 7 * view) % CAMERAS
        shot = self._source.shot(vehicle, camera, view)
        return torch.from_numpy(shot.picture).permute(2, 0, 1), secret_labels(shot)


def _views(identity: str) -> Tensor:
    views = streetcam_views(identity)
    assert views is not None
    return views
