"""``keyhole train prior --kind students``: copies of a target, taught by its answers to public pictures (LOMMA)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.priors.students import new_student, save_students
from keyhole.priors.trained import GeneratorCard
from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, alone
from keyhole.targets.stored_weights import this_command
from keyhole.targets.target import Preprocess
from keyhole.terminal import terminal
from keyhole.train.loop import Round, TrainingPlan, run_plan
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior.card import write_generator_card
from keyhole.train.prior.pictures import count_weights, facts_of, learned_from, recipe_of
from keyhole.train.prior.settings import PriorSettings
from keyhole.train.prior.target import known_target, opened_target
from keyhole.train.task import batches_in

_BATCH = 64
_LEAST_LEARNED = 4
"""Pictures to learn from for each that is held out, at least."""


class TaughtBatch(NamedTuple):
    """A step's data: normalised pictures N×3×H×W, and the target's probabilities of them, N×K."""

    inputs: Tensor
    told: Tensor


class StudentTraining(TrainingPlan):
    """See `TrainingPlan`. The module is a list of students, which see the same batches; each learns from
    KL(T(x) ‖ S(x)) at temperature 1 (Nguyen et al. 2023, "Re-thinking Model Inversion Attacks", §4.2).

    Args:
        students: normalised pictures to N×K logits.
        pictures: public ones, uint8 N×3×H×W.
        told: the target's probabilities of them, N×K.
        preprocess: of the students' pictures.
        epochs, batch: see `PriorSettings`.
        optimisation: see `TrainingPlan`.
        look: called after each epoch with the students.
    """

    def __init__(
        self,
        students: nn.ModuleList,
        pictures: Tensor,
        told: Tensor,
        preprocess: Preprocess,
        *,
        epochs: int,
        batch: int,
        optimisation: Optimisation,
        look: Callable[[nn.Module], str],
    ) -> None:
        self.module, self.optimisation = students, optimisation
        self.every = batches_in(len(pictures), batch)
        self.steps = epochs * self.every
        self._pictures, self._told, self._preprocess, self._batch = pictures, told, preprocess, batch
        self._look = look

    def batches(self, first: int, last: int) -> Iterator[TaughtBatch]:
        epoch = first // self.every
        generator = torch.Generator().manual_seed(self.optimisation.seed * 10_000 + epoch)
        order = torch.randperm(len(self._pictures), generator=generator)
        parts = torch.split(order, self._batch)
        for chosen in parts[: last - first]:
            yield TaughtBatch(self._preprocess.normalise(self._pictures[chosen] / 255), self._told[chosen])

    def losses(self, module: nn.Module, batch: TaughtBatch) -> Mapping[str, Tensor]:
        students = cast(nn.ModuleList, module)
        return {f"student {at}": divergence(student(batch.inputs), batch.told) for at, student in enumerate(students)}

    def report(self, module: nn.Module, done: Round) -> str:
        means = "  ".join(f"{name} {mean:.3f}" for name, mean in done.losses.items())
        return f"epoch {done.steps // self.every}  {means}  {self._look(module)}  {done.seconds:.0f} s"


def divergence(logits: Tensor, told: Tensor) -> Tensor:
    """KL(told ‖ softmax(logits)), the mean over N pictures, both N×K."""
    return F.kl_div(logits.log_softmax(dim=1), told, reduction="batchmean")


def _held_out(pictures: Tensor, settings: PriorSettings) -> tuple[Tensor, Tensor]:
    """Public pictures to learn from, and those that the agreement is measured on.

    Not the pool ``audit``: of a folder with ``private/`` and ``public/`` it shows private people, of whom the target
    learned and no attacker has a picture.
    """
    count = min(settings.audit, len(pictures) // (1 + _LEAST_LEARNED))
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(settings.seed))
    return pictures[order[count:].sort().values], pictures[order[:count].sort().values]


def students(settings: PriorSettings) -> int:
    """Teach students, store them, measure what is stored, write the card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: no such target, or too few pictures.
        TargetError: no such architecture.
        ValueError: damaged data.
    """
    console, work = terminal(), settings.out / "training"
    with alone(settings.out, TRAINING):
        target = opened_target(settings)
        set_seed(settings.seed)
        models = nn.ModuleList([new_student(name, settings.size, target.outputs) for name in settings.students])
        pictures, apart = _held_out(learned_from(settings, work, console), settings)
        if not len(apart):
            raise UsageError(f"{len(pictures)} pictures of {settings.data}: expected {1 + _LEAST_LEARNED} or more")
        console.print(
            f"{len(pictures)} pictures of {settings.data}, pool {settings.pool}, {settings.size} px; {len(apart)} more "
            "held out"
        )
        device = Accelerator(mixed_precision=settings.precision).device
        known, held = (known_target(target, shown, device) for shown in (pictures, apart))
        preprocess = Preprocess(settings.size)
        told = held.public_answers.logits.argmax(dim=1)

        @torch.no_grad()
        def agreement(models: nn.Module) -> list[float]:
            """Share of held-out public pictures that each student takes for the target's own class."""
            place = next(models.parameters()).device
            inputs = preprocess.normalise(apart / 255)
            shares = []
            for model in cast(nn.ModuleList, models).eval():
                answers = torch.cat([model(part.to(place)).cpu() for part in torch.split(inputs, _BATCH)])
                shares.append(float((answers.argmax(dim=1) == told).double().mean()))
            return shares

        plan = StudentTraining(
            models,
            pictures,
            known.public_answers.logits.softmax(dim=1),
            preprocess,
            epochs=settings.student_epochs,
            batch=settings.student_batch,
            optimisation=Optimisation(
                settings.student_learning_rate, optimiser="sgd", seed=settings.seed, precision=settings.precision
            ),
            look=lambda models: "agree " + " ".join(f"{share:.2f}" for share in agreement(models)),
        )
        plan.facts = facts_of(settings, "students", target.hash)
        taught = cast(nn.ModuleList, run_plan(plan, work / "students"))
        save_students(taught, settings.out)
        shares = agreement(taught)
        card = GeneratorCard(
            name=settings.out.name,
            kind="students",
            data=f"{settings.data}, pool {settings.pool}",
            licence=settings.licence,
            recipe=recipe_of(settings),
            seed=settings.seed,
            figures={f"agreement_{at}": round(share, 4) for at, share in enumerate(shares)},
            network={"architectures": list(settings.students)},
            parameters={name: count_weights(model) for name, model in zip(settings.students, taught, strict=True)},
            command=this_command(),
            size=settings.size,
            latent=(),
            classes=known.classes,
            target=target.name,
            target_hash=target.hash,
        )
        write_generator_card(card, settings.out)
        console.print(dict(card.figures))
        console.print(f"the students are in {settings.out}: keyhole invert --generators {settings.out}", soft_wrap=True)
        return 0
