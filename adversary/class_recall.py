"""Recall of a classifier's training classes, as an adversary does it that breached the cloud and sees no frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from adversary.settings import AdversarySettings
from keyhole.attacks.base import Budget, Watch
from keyhole.attacks.classes.access import OpenedClasses, generator_folder
from keyhole.attacks.classes.base import Wanted
from keyhole.attacks.classes.chosen import chosen_classes, classifier_named, whole_classes
from keyhole.attacks.classes.entry import ClassRun
from keyhole.attacks.classes.ledger import ClassLedger
from keyhole.attacks.classes.registry import ChosenClassAttack, choose_class_attack
from keyhole.data.public_set import PublicSet, pictures_hash
from keyhole.service.errors import UsageError
from keyhole.service.files import INVERSION, alone
from keyhole.targets import Target
from keyhole.terminal import terminal
from keyhole.v1.referee_pb2 import ClassPicture, RecallStatus, WantedClass
from keyhole.wire.pictures import pack_picture

PREPARING, WORKING, FINISHED, FAILED = "preparing", "working", "finished", "failed"
MOST = 256
"""Classes of one run."""
FLOOR = "public-best"
"""The public picture that the classifier likes best stands beside what the attack makes: the attack must beat it."""
_LONGEST = 128
"""Characters of a text that the monitor takes."""
_TOGETHER = 4
"""Pictures that are made at a time; each is the same alone."""


def public_set(settings: AdversarySettings) -> PublicSet:
    """The public pictures that the flags name."""
    spec = settings.recall_public or settings.public
    return PublicSet(spec, count=settings.recall_public_n, flag="--recall-public")


@dataclass(frozen=True)
class RecallPlan:
    """What is to be pictured.

    Attributes:
        target: the classifier.
        labels: of the classes.
        chosen: the attack.
    """

    target: Target
    labels: tuple[int, ...]
    chosen: ChosenClassAttack

    @classmethod
    def of(cls, settings: AdversarySettings) -> RecallPlan:
        """What the flags name, looked up.

        Raises:
            UsageError: no such attack, classes or public pictures, no generator where it needs one, or the target is
                no classifier.
        """
        chosen = choose_class_attack(settings.recall_attack)
        target = classifier_named(settings.target, settings.weights, settings.size)
        labels = chosen_classes(settings.recall, target.labels, 0, flag="--recall")
        if len(labels) > MOST:
            raise UsageError(f"--recall names {len(labels)} classes: expected at most {MOST}")
        for kind in chosen.recipe.generators:
            generator_folder(settings.recall_generators, kind, target.hash)
        try:
            public_set(settings).open(target.preprocess.size)
        except FileNotFoundError as error:
            raise UsageError(
                f"--recall-public: {error}; expected streetcam, SET:PATH, or a folder or zip of pictures"
            ) from error
        return cls(target, labels, chosen)

    @property
    def wanted(self) -> Wanted:
        """One picture of each class."""
        return Wanted.each(self.labels)

    def status(self, state: str, doing: str = "", finished: int = 0) -> RecallStatus:
        """How far it is, as the monitor is told."""
        return RecallStatus(
            attack=self.chosen.name,
            recipe=self.chosen.recipe_name,
            knowledge=self.chosen.recipe.knowledge,
            target=self.target.name,
            model_hash=self.target.hash,
            classes=[WantedClass(label=label, name=self.target.labels[label]) for label in self.labels],
            state=state,
            doing=doing,
            finished=finished,
        )


@dataclass(frozen=True)
class ClassRecall:
    """Pictures classes, from what an earlier life has finished on.

    Attributes:
        settings: of the adversary.
        plan: what is pictured.
        tell: called with how far it is.
        show: called with every picture: of each class the floor's, then the attack's, better and better.
    """

    settings: AdversarySettings
    plan: RecallPlan
    tell: Callable[[RecallStatus], object]
    show: Callable[[ClassPicture], object]

    def run(self) -> None:
        """Picture all of them.

        Raises:
            UsageError: no public pictures, one shows a class, no prior, or another command writes to the folder.
        """
        settings, plan = self.settings, self.plan
        settings.recall_out.mkdir(parents=True, exist_ok=True)
        with alone(settings.recall_out, INVERSION):
            self.tell(plan.status(PREPARING, "reads public pictures; drawn ones take some minutes, once"))
            known = self._known()
            self.tell(plan.status(PREPARING, "looks for public pictures that the classifier takes for each class"))
            floor = choose_class_attack(FLOOR)
            *_, liked = floor.recipe.open(known.access, ClassRun(Budget(1), known.seed)).recall(plan.wanted)
            for label, picture in zip(plan.labels, liked.pictures, strict=True):
                self.show(self._message(floor, label, picture, final=True, floor=True))
            self._make(known)
        self.tell(plan.status(FINISHED, finished=len(plan.labels)))

    def _known(self) -> OpenedClasses:
        """The classifier, and public pictures that this process draws or reads by itself."""
        settings, target = self.settings, self.plan.target
        chosen = public_set(settings)
        folder, quiet = settings.recall_out, terminal(quiet=True)
        public = chosen.read(target.preprocess.size, target.labels, workers=0, folder=folder, console=quiet)
        facts = target, public, chosen.spec, pictures_hash(public), settings.prior
        return OpenedClasses(*facts, settings.recall_generators, seed=settings.seed)

    def _make(self, known: OpenedClasses) -> None:
        plan, wanted, chosen = self.plan, self.plan.wanted, self.plan.chosen
        steps = chosen.recipe.iterations
        ledger = self._ledger(known.facts(chosen, steps))
        missing = []
        for at, (label, number) in enumerate(wanted):
            if ledger.has(label, number):
                kept = ledger.read(label, number)
                self.show(self._message(chosen, label, kept, iteration=steps, final=True))
            else:
                missing.append(at)
        if not missing:
            return
        self.tell(plan.status(PREPARING, "gets the attack ready", len(wanted) - len(missing)))
        watch = Watch(self.settings.interval)
        attack = chosen.recipe.open(known.access, ClassRun(Budget(steps), known.seed, watch))
        for batch in whole_classes(wanted, missing, _TOGETHER):
            part = wanted.part(batch)
            names = ", ".join(plan.target.labels[label] for label, _ in part)
            self.tell(plan.status(WORKING, f"works on {names}"[:_LONGEST], sum(ledger.has(*each) for each in wanted)))
            for estimate in attack.recall(part):
                for (label, number), picture in zip(part, estimate.pictures, strict=True):
                    if estimate.final:
                        ledger.keep(label, number, picture)
                    self.show(self._message(chosen, label, picture, iteration=estimate.iteration, final=estimate.final))

    def _ledger(self, facts: Mapping[str, object]) -> ClassLedger:
        """Finished pictures, in a folder for all that they depend on: another target has another."""
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]
        return ClassLedger.open(
            self.settings.recall_out / digest, self.plan.chosen.name, facts, self.plan.target.labels
        )

    def _message(
        self,
        made_by: ChosenClassAttack,
        label: int,
        picture: Tensor,
        *,
        iteration: int = 0,
        final: bool = False,
        floor: bool = False,
    ) -> ClassPicture:
        return ClassPicture(
            attack=made_by.name,
            recipe=made_by.recipe_name,
            knowledge=made_by.recipe.knowledge,
            target=self.plan.target.name,
            model_hash=self.plan.target.hash,
            label=label,
            name=self.plan.target.labels[label],
            picture=pack_picture(picture.clamp(0, 1)),
            iteration=iteration,
            iterations=made_by.recipe.iterations,
            final=final,
            seed=self.settings.seed,
            floor=floor,
        )
