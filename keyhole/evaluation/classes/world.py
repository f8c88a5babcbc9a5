"""What an inversion is run and scored with: the classifier, what attackers know of it, and who judges."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.attacks.classes.access import OpenedClasses
from keyhole.attacks.classes.base import ClassAccess
from keyhole.attacks.classes.chosen import chosen_classes, classifier_named
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.data.labelled import LabelledPictures
from keyhole.data.public_set import PublicSet, pictures_hash
from keyhole.evaluation.classes.pictures import read_private, read_public
from keyhole.evaluation.classes.references import PrivatePictures, check_judged
from keyhole.evaluation.classes.scores import Classifiers
from keyhole.evaluation.classes.settings import SUITES, InvertSettings
from keyhole.judge.identity import IdentityJudge, open_identity_judge
from keyhole.nn.device import device_named
from keyhole.service.errors import UsageError
from keyhole.targets import Target, load_target
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.stored_weights import CARD, read_card
from keyhole.targets.target import NO_DEFENCE

APART = 3.0
"""Points by which the target's accuracy may differ from its card's before the division is doubted."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ClassWorld:
    """All that attacks and scores of one target need.

    Attributes:
        classes: the classifier under attack, and what attackers have.
        labels: classes that are pictured.
        private: what pictures are compared with.
        asked: the classifiers.
        evaluator: name of the evaluation classifier; empty: there is none.
        natural: share of the held-back pictures of all its classes that the target is right on.
    """

    classes: OpenedClasses
    labels: tuple[int, ...]
    private: PrivatePictures
    asked: Classifiers
    evaluator: str
    natural: float

    @property
    def target(self) -> Target:
        """Under attack."""
        return self.classes.target

    @property
    def access(self) -> ClassAccess:
        """What attackers know."""
        return self.classes.access

    @property
    def public(self) -> Tensor:
        """The attacker's pictures, N×3×H×W."""
        return self.classes.public

    @classmethod
    def opened(cls, settings: InvertSettings, folder: Path, console: Console) -> ClassWorld:
        """Load and read all of it.

        Args:
            settings: of the run.
            folder: where drawn pictures are kept.
            console: shows the progress.

        Raises:
            UsageError: no such target, pictures, judge or evaluator, or they do not fit one another.
        """
        device = device_named(settings.device)
        target = classifier_named(settings.target, settings.weights, settings.size)
        per_suite = SUITES[settings.suite].classes
        labels = chosen_classes(settings.classes, target.labels, per_suite)
        judge = open_identity_judge(settings.judge, device)
        evaluator = _evaluator(settings, target, device) if settings.evaluator else None
        read = read_private(settings, target, folder, console)
        report = read.held_back.for_report()
        for part, what in ((read.train, "private picture"), (report, "held-back private picture")):
            check_judged(part, labels, target.labels, what)
        public = read_public(settings, target.preprocess.size, target.labels, folder, console)
        learned = read.train.some(torch.isin(read.train.labels, torch.tensor(labels)))
        private = PrivatePictures(
            learned, report, judge, _embedded(judge, learned.pictures), _embedded(judge, report.pictures)
        )
        classes = OpenedClasses(
            target,
            public,
            settings.public,
            pictures_hash(public),
            settings.prior,
            settings.generators,
            settings.seed,
            device,
            PublicSet(settings.public, settings.public_part).taken,
        )
        opened = classes.opened
        natural = _natural(opened, report, device)
        _doubt(settings, natural)
        asked = Classifiers(lambda pictures: opened(pictures.to(device)), evaluator)
        return cls(classes, labels, private, asked, settings.evaluator or "", natural)


def _evaluator(settings: InvertSettings, target: Target, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Logits of another classifier, in the target's order of classes."""
    other = load_target(str(settings.evaluator))
    if other.hash == target.hash:
        raise UsageError(
            f"--evaluator {settings.evaluator} is the classifier under attack: what it likes is no success; expected "
            "another one of the same classes"
        )
    missing = [name for name in target.labels if name not in other.labels]
    if missing:
        raise UsageError(
            f"--evaluator {settings.evaluator}: it does not know {len(missing)} of the target's {len(target.labels)} "
            f"classes, such as {missing[0]!r}; expected a classifier that was trained on the same classes"
        )
    order = torch.tensor([other.labels.index(name) for name in target.labels])
    model = other.model.to(device)

    def evaluate(pictures: Tensor) -> Tensor:
        logits: Tensor = model(other.preprocess(pictures).to(device))
        return logits.cpu()[:, order]

    return evaluate


def _embedded(judge: IdentityJudge, pictures: Tensor) -> Tensor:
    return judge.embed(pictures.float() / 255)


def _natural(opened: OpenClassifier, report: LabelledPictures, device: torch.device) -> float:
    found = torch.cat([opened.label(part.to(device).float() / 255).cpu() for part in torch.split(report.pictures, 64)])
    return float((found == report.labels).double().mean())


def _doubt(settings: InvertSettings, natural: float) -> None:
    """Warn where the target's accuracy on the held-back pictures is not what its card says: others were held back."""
    told = told_accuracy(settings)
    if told is None or abs(100 * natural - told) <= APART:
        return
    _log.warning(
        "%s is right on %.1f %% of the held-back private pictures, and its card says %.1f %%: other pictures were "
        "held back from its training. Give --part, --held-back, --private-seed (and --identities, --views) as it "
        "was trained",
        settings.target,
        100 * natural,
        told,
    )


def told_accuracy(settings: InvertSettings) -> float | None:
    """Per cent of the held-back pictures that the target's card says it is right on; None where there is no card,
    weights or size are not the card's, or its figures are of a defence at run time as well."""
    name = settings.target
    places = (SHIPPED / name, Path(name.partition(":")[2] or name).expanduser())
    folder = next((place for place in places if (place / CARD).is_file()), None)
    if folder is None or settings.weights or settings.size:
        return None
    card = read_card(folder)
    return card.figures.get("top1") if card.recipe.get("defence", NO_DEFENCE) == NO_DEFENCE else None
