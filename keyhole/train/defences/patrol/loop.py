"""Algorithm 1 of PATROL: a model and its mask are trained together, then what the mask switches off is removed."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from keyhole.nn.device import MemoryLayout
from keyhole.partition.pruning.masks import live_in_multiples, prune_masked
from keyhole.partition.pruning.plan import PruningPlan
from keyhole.service.memory import keep_all_freed
from keyhole.sizes import side_of
from keyhole.terminal import progress_bar
from keyhole.train.budget import EpochBudget
from keyhole.train.checkpoint import TrainingCheckpoint
from keyhole.train.defences.patrol.masks import Fista, Masks
from keyhole.train.defences.patrol.memory import MemoryGoal, fewest_gone, least_threshold
from keyhole.train.defences.patrol.objective import Objective, Surrogate, mirrored_layers, random_noise
from keyhole.train.defences.patrol.settings import PatrolRecipe
from keyhole.train.optimisation import Optimisation, make_optimiser, one_cycle
from keyhole.train.split import Blocks, paths_in
from keyhole.train.task import Batch, Task

DEFENCE, PRUNING = "patrol", "pruning"
_CHECKS = 5  # of the goal in an epoch


@dataclass
class LastMask:
    """The mask at its last comparison with the goal."""

    entries: list[Tensor]

    def state_dict(self) -> dict[str, list[Tensor]]:
        """The entries, for a checkpoint."""
        return {"entries": self.entries}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Inverse of `state_dict`."""
        self.entries = state["entries"]


class Patrol:
    """The training of a model and a mask together.

    Args:
        task: data, module and prediction loss; its recipe is that of `PatrolRecipe.task_recipe`.
        network: the target as the module holds it; where its head ends, and its blocks, are named by its paths.
        ends: where the head's blocks end, the last being the cut.
        recipe: the hyper-parameters.
        masks: of the network's structures; None without pruning.
        goal: memory at which the mask stops; None: the mask is trained to the end.
        out: folder for checkpoints.
    """

    def __init__(
        self,
        task: Task,
        network: nn.Module,
        ends: Sequence[str],
        recipe: PatrolRecipe,
        masks: Masks | None,
        goal: MemoryGoal | None,
        out: Path,
    ) -> None:
        set_seed(task.recipe.seed)
        self._task, self._recipe, self._goal = task, recipe, goal
        self._cut, self._last_mask = ends[-1], LastMask([])
        self._accelerator = Accelerator(mixed_precision=task.recipe.precision)
        self._checkpoint = TrainingCheckpoint(self._accelerator, out / "checkpoint")
        device = self._accelerator.device
        module = task.module.to(device)
        self._layout = MemoryLayout.of(module)
        self._layout.module(module)
        self._ends = paths_in(module, network, ends)
        self._masks = None if masks is None else masks.to(device)
        self._budget = EpochBudget.of(task.recipe.epochs, task.steps, recipe.steps, recipe.batches)
        self._size = task.recipe.size_at(0)
        blocks = Blocks.of(module, self._ends, self._example(self._size))
        self._surrogate = Surrogate(blocks.shape, self._size, mirrored_layers(blocks.head)).to(device)
        self._objective = Objective(task, recipe, self._masks, self._surrogate, blocks)
        self._prepare()

    def _prepare(self) -> None:
        """Make the optimisers, and register everything that a checkpoint holds."""
        recipe, accelerator = self._recipe, self._accelerator
        total = self._budget.total
        optimiser = make_optimiser(self._task.module, Optimisation.of(self._task.recipe))
        schedule = one_cycle(optimiser, self._task.recipe.learning_rate, self._task.recipe.warm_up, 2 * total)
        inverter = torch.optim.AdamW(self._surrogate.parameters(), recipe.surrogate_learning_rate)
        self._optimiser, self._schedule, self._inverter = accelerator.prepare(optimiser, schedule, inverter)
        accelerator.register_for_checkpointing(self._task.module, self._surrogate)
        if self._masks is not None:
            widths = [place.width for place in self._masks.structures]
            self._fista = Fista(self._masks.entries, recipe.mask_rate(total), recipe.l1, recipe.l2, widths)
            accelerator.register_for_checkpointing(self._masks, self._fista, self._last_mask)

    def run(self) -> tuple[nn.Module, PruningPlan]:
        """Train, and remove what the mask switches off; goes on from ``out/checkpoint`` where a run stopped.

        Returns:
            The pruned target on the CPU, in eval mode, and what was removed from it.
        """
        recipe, task = self._task.recipe, self._task
        keep_all_freed()
        budget = self._budget
        total, done = budget.total, self._checkpoint.load()
        if self._masks is not None and not done:
            self._last_mask.entries = self._entries(self._masks)
        with self._checkpoint.explained(total), progress_bar() as progress:
            bar = progress.add_task("training", total=total, completed=done)
            for epoch in range(budget.epoch_of(done), recipe.epochs):  # line 3
                started, before, steps = time.perf_counter(), done - budget.starts[epoch], budget.counts[epoch]
                size = recipe.size_at(epoch)
                self._resize(size)
                # Lines 4 to 10: the surrogate, on the model as it is.
                inverted = "" if before else self._train_surrogate(epoch, size)
                # Lines 11 to 26: two steps of the model and one of the mask for each batch.
                losses = torch.zeros(2)
                generator = self._generator(epoch, 1)
                for number, batch in enumerate(self._batches(epoch, size, 0), 1):
                    noise = random_noise(batch.inputs, generator)
                    if number <= before:
                        continue
                    losses += self._step(batch, noise)
                    done += 1
                    if number % max(1, steps // _CHECKS) == 0:
                        self._check_goal(last=2 * done >= total)
                    progress.advance(bar)
                    if number < steps:
                        self._checkpoint.save_if_due(done)
                self._checkpoint.save(done)
                with torch.random.fork_rng(devices=[]):
                    quality = task.assess(self._pruned()[0], size)
                gone = "" if self._masks is None else f"  masks {100 * self._masks.zeros():.0f} % zero"
                means = "  ".join(f"{value:.3f}" for value in (losses / (steps - before)).tolist())
                progress.console.print(
                    f"epoch {epoch + 1}/{recipe.epochs}  {size} px  losses {means}{inverted}{gone}  {quality} at "
                    f"{size} px  {time.perf_counter() - started:.0f} s",
                    soft_wrap=True,
                )
        return self._pruned()  # lines 29 and 30

    def _step(self, batch: Batch, noise: Tensor) -> Tensor:
        """Lines 12 to 25: two steps of the model and one of the mask; return the model's two losses."""
        self._task.module.train()
        losses = torch.zeros(2)
        steps: tuple[Callable[[Batch], Tensor], ...] = (
            self._objective.adversarial,  # lines 12 to 15
            partial(self._objective.lipschitz, noise=noise),  # lines 16 to 22
        )
        for place, loss_of in enumerate(steps):
            with self._accelerator.autocast():
                loss = loss_of(batch)
            self._optimiser.zero_grad()
            self._accelerator.backward(loss)
            self._optimiser.step()
            self._schedule.step()
            losses[place] = loss.detach()
        if self._masks is not None and not self._masks.settled:  # lines 23 to 25
            entries = list(self._masks.entries)
            with self._accelerator.autocast():
                loss = self._objective.prediction(batch)
            for entry, gradient in zip(entries, torch.autograd.grad(loss, entries), strict=True):
                entry.grad = gradient
            self._fista.step()
        return losses

    def _train_surrogate(self, epoch: int, size: int) -> str:
        """Lines 4 to 10: every so many epochs, train the surrogate on the model; return its mean loss as text."""
        if not self._inverts(epoch):
            return ""
        total = 0.0
        for number, batch in enumerate(self._batches(epoch, size, 2)):
            with self._accelerator.autocast():
                if number == 0:
                    self._surrogate.standardise(self._objective.features(batch))
                loss = self._objective.inversion(batch)
            self._inverter.zero_grad()
            self._accelerator.backward(loss)
            self._inverter.step()
            total += float(loss.detach())
        return f"  surrogate {total / self._budget.counts[epoch]:.2f}"

    def _inverts(self, epoch: int) -> bool:
        return "adversarial" in self._recipe.terms and (epoch + 1) % self._recipe.surrogate_every == 0

    @property
    def spent(self) -> Mapping[str, int]:
        """What the whole training takes; a batch that the model learns from makes two steps of it."""
        counts = self._budget.counts
        return {
            "batches": sum(counts),
            "pictures": sum(counts) * self._task.recipe.batch,
            "model_steps": 2 * sum(counts),
            "companion_steps": sum(count for epoch, count in enumerate(counts) if self._inverts(epoch)),
        }

    def _check_goal(self, *, last: bool) -> None:
        """Stop training the mask once the memory goal is reached, which Algorithm 1 does not have.

        In the second half of the training (``last``) it is reached at once, by setting to 0 as many of the smallest
        entries as that takes: a larger τ, chosen while the model can still make up for it.
        """
        masks, goal = self._masks, self._goal
        if masks is None or goal is None or masks.settled:
            return
        example, entries = self._example(side_of(self._task.preprocess.size, "training")).cpu(), self._entries(masks)

        def enough(values: Sequence[Tensor], threshold: float = 0.0) -> bool:
            return goal.reached(self._pruned(values, threshold)[0], example)

        threshold = self._recipe.threshold
        if last:
            threshold = max(threshold, least_threshold(entries, partial(enough, entries)))
        elif not enough(entries, threshold):
            self._last_mask.entries = entries
            return
        self._fista.settle()
        left = fewest_gone(entries, self._last_mask.entries, threshold, enough)
        masks.settle(live_in_multiples(masks.structures, left, self._last_mask.entries, self._recipe.round_to))

    def _pruned(
        self, entries: Sequence[Tensor] | None = None, threshold: float | None = None
    ) -> tuple[nn.Module, PruningPlan]:
        """A copy of the target without the structures that the mask switches off, and what they were.

        Args:
            entries: the mask; None: as it is.
            threshold: of entries that are taken for 0; None: the recipe's.
        """
        threshold = self._recipe.threshold if threshold is None else threshold
        network = copy.deepcopy(self._task.network(self._task.module)).cpu().eval()
        structures = () if self._masks is None else self._masks.structures
        if entries is None:
            entries = [] if self._masks is None else self._entries(self._masks)
        example = self._example(side_of(self._task.preprocess.size, "training")).cpu()
        plan = prune_masked(
            network,
            structures,
            entries,
            example,
            threshold=threshold,
            round_to=self._recipe.round_to,
            defence=PRUNING if self._recipe.terms == ("pruning",) else DEFENCE,
            cut=self._cut,
        )
        return network, plan

    def _entries(self, masks: Masks) -> list[Tensor]:
        """Entries of the mask: settled, or FISTA's iterates."""
        entries = list(masks.entries) if masks.settled else [self._fista.solution(m) for m in masks.entries]
        return [entry.detach().cpu().clone() for entry in entries]

    def _batches(self, epoch: int, size: int, stream: int) -> Iterator[Batch]:
        device = self._accelerator.device
        batches = self._task.batches(size, self._generator(epoch, stream))
        for batch in itertools.islice(batches, self._budget.counts[epoch]):
            yield Batch(self._layout.tensor(batch.inputs.to(device)), batch.labels.to(device))

    def _generator(self, epoch: int, stream: int) -> torch.Generator:
        return torch.Generator().manual_seed((self._task.recipe.seed * 10_000 + epoch) * 4 + stream)

    def _resize(self, size: int) -> None:
        """Bring head, tail and surrogate to pictures of this side."""
        if size != self._size:
            blocks = Blocks.of(self._task.module, self._ends, self._example(size))
            self._objective.blocks, self._size = blocks, size
            self._surrogate.fit_to(blocks.shape, size)

    def _example(self, size: int) -> Tensor:
        return torch.zeros(1, 3, size, size, device=self._accelerator.device)
