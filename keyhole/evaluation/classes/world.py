"""What an inversion is run and scored with: the classifier, what attackers know of it, and who judges."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.attacks.classes.base import ClassAccess, ClassBlind, ClassLabels, ClassWhiteBox, no_generator
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.evaluation.classes.pictures import pictures_hash, read_private, read_public
from keyhole.evaluation.classes.references import PrivatePictures, check_judged
from keyhole.evaluation.classes.scores import Classifiers
from keyhole.evaluation.classes.settings import SUITES, InvertSettings, chosen_classes
from keyhole.evaluation.trial import prior_named
from keyhole.judge.identity import IdentityJudge, open_identity_judge
from keyhole.nn.device import device_named
from keyhole.priors.prior import Prior, load_prior
from keyhole.priors.trained import GeneratorCard
from keyhole.service.errors import UsageError
from keyhole.targets import Target, load_target
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.stored_weights import CARD, read_card

_KIND = "kind"
APART = 3.0
"""Points by which the target's accuracy may differ from its card's before the division is doubted."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ClassWorld:
    """All that attacks and scores of one target need.

    Attributes:
        target: under attack.
        labels: classes that are pictured.
        access: what attackers know.
        public: the attacker's pictures, N×3×H×W.
        private: what pictures are compared with.
        asked: the classifiers.
        evaluator: name of the evaluation classifier; empty: there is none.
    """

    target: Target
    labels: tuple[int, ...]
    access: ClassAccess
    public: Tensor
    private: PrivatePictures
    asked: Classifiers
    evaluator: str

    @cached_property
    def public_hash(self) -> str:
        """Twelve hexadecimal digits that change with the attacker's pictures."""
        return pictures_hash(self.public)

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
        target = classifier_named(settings.target, settings.weights, settings)
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
        model = target.model.to(device)
        opened = OpenClassifier(model, target.preprocess.normalise, target.outputs)
        access = _access(settings, target, opened, public, device)
        _doubt(settings, opened, private, device)
        return cls(
            target,
            labels,
            access,
            public,
            private,
            Classifiers(lambda pictures: opened(pictures.to(device)), evaluator),
            settings.evaluator or "",
        )


def classifier_named(name: str, weights: str | None, settings: InvertSettings) -> Target:
    """A target that answers with classes whose names are known.

    Raises:
        UsageError: it does not, or there is no such target.
    """
    target = load_target(name, weights, size=settings.size)
    if not target.labels:
        raise UsageError(
            f"{name} does not say which classes it tells apart: expected a classifier with its card, as `keyhole train "
            "target --task classification` writes it"
        )
    return target


def generator_folder(folders: Sequence[Path], kind: str, target_hash: str = "") -> Path:
    """The folder of a trained generator of a kind, by what the cards say: one that was made for the target, where
    there are several.

    Args:
        folders: of generators.
        kind: that is looked for.
        target_hash: of the target's weights; where no generator was made for it, another one's is taken.

    Raises:
        UsageError: none of the folders holds one, or one holds no card.
    """
    found = []
    for folder in folders:
        try:
            said = json.loads((folder / CARD).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--generators {folder}: no trained generator, its {CARD} cannot be read: {error}"
            ) from error
        if isinstance(said, dict) and said.get(_KIND) == kind:
            found.append((said.get("target_hash") or target_hash, folder))
    own = [folder for made_for, folder in found if made_for == target_hash]
    return next(iter([*own, *(folder for _, folder in found)]), None) or no_generator(kind)


def _access(
    settings: InvertSettings, target: Target, opened: OpenClassifier, public: Tensor, device: torch.device
) -> ClassAccess:
    def prior() -> Prior:
        return prior_named(settings.prior, device) if settings.prior else load_prior(None)

    def shown() -> Tensor:
        return public

    @cache
    def generators(kind: str) -> Path:
        folder = generator_folder(settings.generators, kind, target.hash)
        GeneratorCard.read(folder, kind).warn_unless_made_for(target.hash, f"--generators {folder}")
        return folder

    facts = (target.outputs, target.preprocess.size, shown, prior, generators)
    white = ClassWhiteBox(*facts, device, classify=opened)
    labels = ClassLabels(*facts, device, label=lambda pictures: opened.label(pictures.to(device)).cpu())
    blind = ClassBlind(*facts, device)
    return ClassAccess(lambda: white, lambda: labels, lambda: blind)


def _evaluator(settings: InvertSettings, target: Target, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Logits of another classifier, in the target's order of classes."""
    other = load_target(str(settings.evaluator))
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


def _doubt(settings: InvertSettings, opened: OpenClassifier, private: PrivatePictures, device: torch.device) -> None:
    """Warn where the target's accuracy on the held-back pictures is not what its card says: others were held back."""
    told = told_accuracy(settings)
    if told is None:
        return
    report = private.report
    found = torch.cat([opened.label(part.to(device).float() / 255).cpu() for part in torch.split(report.pictures, 64)])
    share = 100 * float((found == report.labels).double().mean())
    if abs(share - told) > APART:
        _log.warning(
            "%s is right on %.1f %% of the held-back private pictures, and its card says %.1f %%: other pictures were "
            "held back from its training. Give --part, --held-back, --private-seed (and --identities, --views) as it "
            "was trained",
            settings.target,
            share,
            told,
        )


def told_accuracy(settings: InvertSettings) -> float | None:
    """Per cent of the held-back pictures that the target's card says it is right on; None where there is no card, or
    weights or size are not the card's."""
    name = settings.target
    places = (SHIPPED / name, Path(name.partition(":")[2] or name).expanduser())
    folder = next((place for place in places if (place / CARD).is_file()), None)
    if folder is None or settings.weights or settings.size:
        return None
    return read_card(folder).figures.get("top1")
