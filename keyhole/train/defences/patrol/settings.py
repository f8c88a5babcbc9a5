"""Flags of ``keyhole train patrol``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from keyhole.partition.pruning.surgery import Granularity
from keyhole.service.errors import UsageError
from keyhole.train.defences.patrol.recipe import RECIPES, PatrolRecipe, RecipeName, TailName, TermName
from keyhole.train.settings import TuningSettings


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
    terms: tuple[TermName, ...] = ("pruning", "adversarial", "lipschitz")
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
    """Batches of an epoch at most. Absent: the recipe's, all or 80."""
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

    def __post_init__(self) -> None:
        rates = ("learning_rate", "rest_learning_rate", "mask_learning_rate")
        given = {name: getattr(self, name) for name in ("batch", "steps", *rates, "l1")}
        for name, value in given.items():
            if value is not None and value <= 0:
                raise UsageError(f"--{name.replace('_', '-')} {value:g}: expected more than 0")
        for name in ("l2", "threshold", "beta"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"--{name} {value:g}: expected 0 or more")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise UsageError(f"--ratio {self.ratio:g}: expected more than 0 and 1 at most")
        if self.round_to < 1:
            raise UsageError(f"--round-to {self.round_to}: expected 1 or more")
        if self.alpha is not None and (not self.alpha or min(self.alpha) < 0):
            raise UsageError(f"--alpha {' '.join(map(str, self.alpha))}: expected one number or more, none below 0")
        if "pruning" not in self.terms and (self.room is not None or self.ratio is not None):
            raise UsageError("--room and --ratio say how much is pruned: they need `pruning` among --terms")
        if self.head_only:
            raise UsageError("--head-only: PATROL trains head and tail together and needs the whole model's weights")
