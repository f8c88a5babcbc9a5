"""Hyper-parameters of PATROL, and the flags of ``keyhole train patrol``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from keyhole.partition.pruning.surgery import Granularity
from keyhole.service.errors import UsageError
from keyhole.train.budget import shared
from keyhole.train.recipe import Tuning, stages_of
from keyhole.train.settings import TuningSettings

RecipeName = Literal["paper", "fast"]
TailName = Literal["trained", "kept"]
TermName = Literal["pruning", "adversarial", "lipschitz"]
NormName = Literal["picture", "batch"]
_TERMS: tuple[TermName, ...] = get_args(TermName)


@dataclass(frozen=True)
class PatrolRecipe(Tuning):
    """Hyper-parameters of Algorithm 1, besides those of `Tuning`, with the values of §IV-A.

    The paper names no optimiser for the model; its framework, fast-reid, takes Adam with a weight decay of 5·10⁻⁴ and
    anneals the rate by a cosine after a warm-up, and so does this recipe.

    Attributes:
        start: mean and deviation of the normal distribution that the mask is drawn from.
        mask_learning_rate: η of FISTA; None: such that an entry that no loss holds falls from 1 to 0 in the first half
            of the training.
        l1: λ₁.
        l2: λ₂.
        threshold: τ.
        round_to: widths of what is pruned are multiples of this where a layer has as many; 1: whatever the mask leaves.
        ratio: share of the bytes of the head's weights; once so many are gone, the mask stays as it is. 1: it is
            trained to the end, as in Algorithm 1.
        beta: β of Eq. 9.
        norm: of Eq. 8, over a ``picture`` or over the ``batch``; `reconstruction_distance` says why it is not known.
        inverted: pictures of a step that the surrogate sees, spread over the batch; None: all of them.
        surrogate_every: epochs from one training of the surrogate to the next.
        surrogate_learning_rate: of its AdamW, as the black-box attack trains the same network.
        alpha: α_i of Eq. 6.
        tail: ``trained``: the part after the cut learns too, as θ does in Algorithm 1. ``kept``: the losses change the
            head alone, and the cloud keeps its tail.
        terms: losses besides the prediction, for the ablation of Table II. Without ``pruning`` there is no
            mask; a step without ``adversarial`` or ``lipschitz`` minimises the prediction loss alone, so that the model
            takes the same number of steps.
        rest: stages, as of `Tuning`, of a second training: of what is left, after the removal, for the same terms
            without the mask.
        rest_learning_rate: peak of the model's in it; None: as in the first.
    """

    start: tuple[float, float] = (0.0, 1.0)
    mask_learning_rate: float | None = 1e-6
    l1: float = 1.0
    l2: float = 10.0
    threshold: float = 0.0
    round_to: int = 1
    ratio: float = 1.0
    beta: float = 4e-4
    norm: NormName = "batch"
    inverted: int | None = None
    surrogate_every: int = 10
    surrogate_learning_rate: float = 3e-3
    alpha: tuple[float, ...] = (5.0, 0.2, 0.01, 0.005)
    tail: TailName = "trained"
    terms: tuple[TermName, ...] = _TERMS
    rest: tuple[tuple[float, int], ...] = ()
    rest_learning_rate: float | None = None

    @property
    def algorithm(self) -> str:
        """What this is, as cards name it: PATROL, or what is left of it."""
        left_out = [term for term in _TERMS if term not in self.terms]
        if self.terms == ("pruning",):
            return "pruning alone"
        return f"PATROL without {' and '.join(left_out)}" if left_out else "PATROL"

    def dealt(self, first: int, rest: int) -> tuple[PatrolRecipe, PatrolRecipe]:
        """This recipe and `second`, with the batches that each may take.

        Args:
            first: epochs of the first training.
            rest: of the second.

        Raises:
            UsageError: there are fewer batches than epochs.
        """
        if self.batches is None:
            return self, self.second()
        own, left = shared(self.batches, (first, rest))
        return dataclasses.replace(self, batches=own), dataclasses.replace(self.second(), batches=left)

    def second(self) -> PatrolRecipe:
        """The recipe of the second training, without the mask."""
        rate = self.rest_learning_rate or self.learning_rate
        terms = tuple(term for term in self.terms if term != "pruning")
        return dataclasses.replace(self, stages=self.rest, learning_rate=rate, terms=terms)

    def mask_rate(self, steps: int) -> float:
        """η of FISTA in a training of so many steps; `Fista` says how far it moves an entry."""
        if self.mask_learning_rate is not None:
            return self.mask_learning_rate
        return 8 / (self.l1 * (max(1, steps) / 2) ** 2)


PAPER = PatrolRecipe()
FAST = PatrolRecipe(
    stages=((0.5, 2),),
    batch=64,
    steps=80,
    learning_rate=1e-3,
    start=(1.0, 0.01),
    mask_learning_rate=None,
    l1=0.01,
    l2=0.1,
    ratio=2 / 3,
    beta=4e-3,
    norm="picture",
    inverted=16,
    surrogate_every=1,
    teaching=10.0,
    rest=((0.5, 3), (1.0, 10)),
    rest_learning_rate=3e-4,
)
"""The same in an hour or two instead of days.

The paper trains mask and model together for as long as it trained the model, and is done. Of 480 such steps the model
did not recover: rank-1 on streetcam was 14 % before and 1 to 2 % after 70 % of its channels went. Here 160 steps decide
what goes, and what is left, a quarter of the work a step, is trained for as long as there is time. It has the
embeddings of the unpruned model to go by, which the paper does not: they tell of each picture more than its identity
does. The surrogate's large last layers took two thirds of a step; it sees a quarter of the pictures, so that they take
a quarter of that. The terms that act on the deployed head move weights whose scale the batch norms of a training hide.
At a rate of 10⁻³ they do so faster than running statistics follow, and rank-1 falls to a few percent until the rate
does; so the second training goes at the paper's 3·10⁻⁴.

A mask of N(0, 1) takes what so few steps do not bring back, so it starts near 1, and near enough for the loss and not
chance to decide which entries end below others. λ₁ = 1 exceeds the loss's gradient on an entry by two orders of
magnitude, so that chance alone decides what stays; with 0.01 they are alike and the loss has a say. λ₂ keeps its ratio
to λ₁. The mask stops at the two thirds of the weights that the paper removes for VERI-Wild, or where the room is kept.
β grows as the steps get fewer."""

RECIPES: Mapping[RecipeName, PatrolRecipe] = {"paper": PAPER, "fast": FAST}


@dataclass(frozen=True, kw_only=True)
class PatrolSettings(TuningSettings):
    """Defend a trained target by PATROL: prune its head so that more of it fits on the edge and less can be seen.

    The result is a target: `keyhole demo --target pruned:OUT --cut CUT`, and so with every process. Whether the target
    answers with classes or with an embedding decides what it is trained for. A stopped run goes on where it was.

        keyhole train patrol --cut layer4 --room layer2 --data streetcam --out runs/patrol
        keyhole train patrol --cut layer3 --room layer1 --tail kept --data streetcam --out runs/patrol-small
        keyhole train patrol --target resnet18-tinyimagenet --cut layer3 --data tiny-imagenet-100.zip \\
            --out runs/patrol-tinyimagenet
    """

    out: Path
    """Folder for checkpoints, plan.json, model.safetensors, card.json and memory.json."""
    room: str | None = None
    """The edge has room for the unpruned head up to this cut, weights and activations. The mask is trained until the
    head at `--cut` fits into it; the deepest head that does is named at the end. Absent: `--ratio` decides."""
    recipe: RecipeName = "fast"
    """`paper`: 90 epochs with the paper's hyper-parameters. `fast`: half an hour of a core for ResNet-18 at 128 px."""
    structures: Granularity = "channels"
    """What is removed: `channels` of convolutions (heads and hidden units of a timm ViT), or `blocks`, whole residual
    mappings."""
    terms: tuple[TermName, ...] = _TERMS
    """What is trained for besides the task: any of pruning, adversarial, lipschitz."""
    tail: TailName | None = None
    """`kept`: the head alone learns, the cloud goes on with the tail that it has, and the head alone is stored; for
    targets that are shipped. Absent: `trained`, as in the paper."""
    stages: tuple[str, ...] = ()
    """Picture side and epochs of each stage, as SIDE:EPOCHS. Absent: the recipe's; 90 epochs at the target's size for
    paper, 2 at half of it for fast."""
    rest: tuple[str, ...] = ()
    """The same for a second training, of what is left once the pruned structure is removed. Absent: the recipe's; none
    for paper, 3 at half of the size and 10 at all of it for fast."""
    batch: int | None = None
    """Pictures in a step. Absent: the recipe's, 512 or 64."""
    steps: int | None = None
    """Batches of an epoch at most. Absent: the recipe's, all or 80, or as `--batches` makes."""
    learning_rate: float | None = None
    """Peak rate of the model. Absent: the recipe's, 0.0003 or 0.001."""
    rest_learning_rate: float | None = None
    """The same in the second training. Absent: the recipe's, as in the first or 0.0003."""
    mask_learning_rate: float | None = None
    """Rate of FISTA. Absent: the recipe's, 0.000001, or as the number of steps asks."""
    l1: float | None = None
    """λ₁ of Eq. 1. Absent: the recipe's, 1 or 0.01."""
    l2: float | None = None
    """λ₂ of Eq. 1. Absent: the recipe's, 10 or 0.1."""
    threshold: float | None = None
    """τ: structures whose mask is no larger in magnitude are removed. Absent: 0, so that nothing is lost with them."""
    round_to: int = 1
    """Leave each layer that is pruned with a multiple of so many channels (hidden units of a ViT), for which processors
    are built: 8, say. 1, as in the paper: with as many as the mask leaves."""
    ratio: float | None = None
    """Share of the bytes of the head's weights after which the mask stays as it is, without `--room`. 1: it is trained
    to the end. Absent: the recipe's, 1 or 2/3."""
    beta: float | None = None
    """β of Eq. 9. Absent: the recipe's, 0.0004 or 0.004."""
    norm: NormName | None = None
    """What the distance of Eq. 8 is a norm of: each `picture`, or the whole `batch`, by which it is about as many times
    larger as the root of its pictures. Absent: the recipe's, batch for paper and picture for fast."""
    alpha: tuple[float, ...] | None = None
    """α of Eq. 6, one for each block; further blocks take the last. Absent: 5 0.2 0.01 0.005."""
    seed: int = 0
    """Seed of masks, noise, order and augmentation, and of which identities are held out: that of the target's own
    training, so that the same are."""

    def hyper_parameters(self) -> PatrolRecipe:
        """The recipe with what the flags set."""
        recipe = RECIPES[self.recipe]
        given = {field.name: getattr(self, field.name, None) for field in dataclasses.fields(recipe)}
        changed = {name: value for name, value in given.items() if value is not None and name not in ("stages", "rest")}
        return dataclasses.replace(recipe, **changed)

    def epochs(self, recipe: PatrolRecipe) -> tuple[int, int]:
        """Epochs of the first training and of the second, by the flags or else by the recipe."""
        first, rest = stages_of(self.stages) or recipe.stages, stages_of(self.rest) or recipe.rest
        return sum(epochs for _, epochs in first), sum(epochs for _, epochs in rest)

    def __post_init__(self) -> None:
        rates = ("learning_rate", "rest_learning_rate", "mask_learning_rate")
        given = {name: getattr(self, name) for name in ("batch", "steps", "batches", *rates, "l1")}
        for name, value in given.items():
            if value is not None and value <= 0:
                raise UsageError(f"--{name.replace('_', '-')} {value:g}: expected more than 0")
        for name in ("l2", "threshold", "beta"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"--{name} {value:g}: expected 0 or more")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise UsageError(f"--ratio {self.ratio:g}: expected more than 0 and 1 at most")
        if self.steps is not None and self.batches is not None:
            raise UsageError("--steps and --batches: expected one of them; --batches is of all epochs together")
        if self.round_to < 1:
            raise UsageError(f"--round-to {self.round_to}: expected 1 or more")
        if self.alpha is not None and (not self.alpha or min(self.alpha) < 0):
            raise UsageError(f"--alpha {' '.join(map(str, self.alpha))}: expected one number or more, none below 0")
        if "pruning" not in self.terms and (self.room is not None or self.ratio is not None):
            raise UsageError("--room and --ratio say how much is pruned: they need `pruning` among --terms")
        if self.head_only:
            raise UsageError("--head-only: PATROL trains head and tail together and needs the whole model's weights")
