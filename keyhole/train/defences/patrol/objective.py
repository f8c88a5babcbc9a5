"""What Algorithm 1 minimises, line by line."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from keyhole.train.defences.patrol.lipschitz import constants, lipschitz_loss
from keyhole.train.defences.patrol.masks import Masks
from keyhole.train.defences.patrol.recipe import PatrolRecipe
from keyhole.train.defences.patrol.surrogate import Surrogate, reconstruction_distance
from keyhole.train.split import Blocks, denormalised, frozen, in_eval_mode
from keyhole.train.task import Batch, Task


class Objective:
    """The losses of a step.

    Args:
        task: whose prediction loss is L.
        recipe: weights, and which terms there are.
        masks: m; None without pruning.
        surrogate: f_adv.
        blocks: the task's module, taken apart.
    """

    def __init__(
        self, task: Task, recipe: PatrolRecipe, masks: Masks | None, surrogate: Surrogate, blocks: Blocks
    ) -> None:
        self._task, self._recipe, self._masks, self._surrogate = task, recipe, masks, surrogate
        self.blocks = blocks

    def inversion(self, batch: Batch) -> Tensor:
        """L_adv for θ_adv to minimise (lines 7 and 8); the model is not trained."""
        self._surrogate.train()
        shown = self.shown(batch)
        return reconstruction_distance(self._pictures(shown), self._surrogate(self.features(shown)))

    def shown(self, batch: Batch) -> Batch:
        """What the surrogate sees of a batch: of its neighbours, which may be alike, as few as can be."""
        apart = self._apart(batch)
        return Batch(batch.inputs[apart], batch.labels[apart])

    @torch.no_grad()
    def features(self, batch: Batch) -> Tensor:
        """What crosses the cut, as it will be deployed."""
        with in_eval_mode(self._task.module), self._masked():
            crossing: Tensor = self.blocks.head(batch.inputs)[-1]
        return crossing

    def adversarial(self, batch: Batch) -> Tensor:
        """L − β L_adv for θ to minimise (lines 13 to 15, Eq. 9), the surrogate being what it is.

        Reconstructions are clamped to [0, 1], as an attacker's are. Otherwise Eq. 9 has no minimum: by making its
        features large the head could drive the output of a surrogate that stands still, and so L_adv, to any size.
        """
        loss, features = self._predict(batch)
        if "adversarial" not in self._recipe.terms:
            return loss
        with in_eval_mode(self._surrogate), frozen(self._surrogate):
            reconstructed = self._surrogate(features[self._apart(batch)]).clamp(0, 1)
        return loss - self._recipe.beta * reconstruction_distance(self._pictures(self.shown(batch)), reconstructed)

    def lipschitz(self, batch: Batch, noise: Tensor) -> Tensor:
        """L + L_lip for θ to minimise (lines 17 to 22, Eq. 7).

        The blocks are those that will be attacked, with batch norm's running statistics: a batch's own would make every
        k_i depend on the other pictures and would mix the noise into the statistics.

        Args:
            batch: pictures x.
            noise: δ, of the shape of the model's input.
        """
        loss, _ = self._predict(batch)
        if "lipschitz" not in self._recipe.terms:
            return loss
        noisy = batch.inputs + noise
        with in_eval_mode(self._task.module), self._masked():
            clean_ends, noisy_ends = self.blocks.head(batch.inputs), self.blocks.head(noisy)
        stretches = constants((batch.inputs, *clean_ends), (noisy, *noisy_ends))
        return loss + lipschitz_loss(stretches, self._recipe.alpha)

    def prediction(self, batch: Batch) -> Tensor:
        """L(θ, m), whose gradient FISTA takes to the mask (lines 24 and 25, Eq. 1).

        Line 25 writes the minimum over θ and m, line 24 and Eq. 1 over m; θ has had its two steps, so m alone moves.
        """
        return self._predict(batch)[0]

    def _predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self._recipe.tail == "kept":
            self.blocks.tail.eval()
        with self._masked():
            features = self.blocks.head(batch.inputs)[-1]
            return self._task.loss(self.blocks.tail(features), batch.labels), features

    def _apart(self, batch: Batch) -> slice:
        count = len(batch.inputs)
        return slice(None, None, -(-count // (self._recipe.inverted or count)))

    def _masked(self) -> AbstractContextManager[None]:
        return nullcontext() if self._masks is None else self._masks.applied()

    def _pictures(self, batch: Batch) -> Tensor:
        return denormalised(batch.inputs, self._task.preprocess)
