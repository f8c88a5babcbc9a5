"""The hyper-parameters of PATROL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from keyhole.train.recipe import Tuning

RecipeName = Literal["paper", "fast"]
TailName = Literal["trained", "kept"]
TermName = Literal["pruning", "adversarial", "lipschitz"]


@dataclass(frozen=True)
class PatrolRecipe(Tuning):
    """What Algorithm 1 leaves open, besides what `Tuning` has, with the values of §IV-A.

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
        inverted: pictures of a step that the surrogate sees, spread over the batch; None: all of them.
        surrogate_every: epochs from one training of the surrogate to the next.
        surrogate_learning_rate: of its AdamW, as the black-box attack trains the same network.
        alpha: α_i of Eq. 6.
        tail: whether the part after the cut learns too, as θ does in Algorithm 1, or is kept as it is: then the losses
            move the head alone, and the cloud need not change.
        terms: what is trained for besides the prediction, for the ablation of Table II. Without ``pruning`` there is no
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
    inverted: int | None = None
    surrogate_every: int = 10
    surrogate_learning_rate: float = 3e-3
    alpha: tuple[float, ...] = (5.0, 0.2, 0.01, 0.005)
    tail: TailName = "trained"
    terms: tuple[TermName, ...] = ("pruning", "adversarial", "lipschitz")
    rest: tuple[tuple[float, int], ...] = ()
    rest_learning_rate: float | None = None

    def second(self) -> PatrolRecipe:
        """Of the training of what is left."""
        rate = self.rest_learning_rate or self.learning_rate
        terms = tuple(term for term in self.terms if term != "pruning")
        return replace(self, stages=self.rest, learning_rate=rate, terms=terms)

    def mask_rate(self, steps: int) -> float:
        """η of FISTA in a training of so many steps; see `Fista` for how far an entry gets with it."""
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
