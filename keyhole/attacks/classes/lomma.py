"""`lomma`: GMI and KED-MI against the classifier and its students at once, by the raw logit and near public features
(Nguyen et al. 2023, "Re-thinking Model Inversion Attacks Against Deep Neural Networks", Eq. 5 and §4.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keyhole.attacks.classes.base import ClassAttack, ClassWhiteBox
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.attacks.classes.entry import ClassRun, WhiteBoxClassRecipe
from keyhole.attacks.classes.gmi import GmiRecipe
from keyhole.attacks.classes.ked_mi import KedRecipe
from keyhole.priors.students import load_students

STUDENTS = "students"


@dataclass(frozen=True)
class LommaRecipe(WhiteBoxClassRecipe):
    """The base attack with −l_y + λ‖p − p_reg‖² in place of cross-entropy, the mean over the target and its students,
    each with features and p_reg of its own, as the paper has it; its code takes the whole of λ from the target alone.

    Attributes:
        base: GMI or KED-MI, with its generator and weight.
        logits: the loss. The paper draws p_reg from a Gaussian over public pictures' features, as `towards=draw` does;
            its code replaces the draw by the mean, as `towards=mean` does. λ is 1 in its settings.
        augmented: whether students are asked too; they are a folder of kind ``students``.
    """

    base: GmiRecipe | KedRecipe
    logits: str = "logit:p-reg=1,towards=mean"
    augmented: bool = True

    @property
    def iterations(self) -> int:
        """2,400 in LOMMA's code, on either base."""
        return 2400

    @property
    def loss(self) -> str:
        """Of the class."""
        return self.logits

    @property
    def generator(self) -> str:
        """That of the base."""
        return self.base.generator

    @property
    def once_a_class(self) -> bool:
        """That of the base."""
        return self.base.once_a_class

    @property
    def generators(self) -> tuple[str, ...]:
        """The base's, and the students."""
        return (self.generator, STUDENTS) if self.augmented else (self.generator,)

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassAttack:
        """The search."""
        models = (known, *(self._students(known) if self.augmented else ()))
        return self.base.against(known, replace(run, loss=run.loss or self.logits), models)

    @staticmethod
    def _students(known: ClassWhiteBox) -> tuple[ClassWhiteBox, ...]:
        folder = known.generators(STUDENTS)
        found = load_students(folder, known.device)
        found.card.check_fits(known.classes, known.size, folder)
        return tuple(
            replace(known, classify=OpenClassifier(model, found.preprocess.normalise, known.classes))
            for model in found.models
        )
