"""A target under training as head and tail, which share its weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Self

import torch
from accelerate import PartialState
from torch import Tensor, fx, nn

from keyhole.nn.device import MemoryLayout
from keyhole.partition import CutError, cut_at, survey
from keyhole.partition.model_survey import Survey
from keyhole.partition.shape_propagation import SeenTensor
from keyhole.partition.tracing import TRACING
from keyhole.sizes import side_of
from keyhole.targets.target import Preprocess
from keyhole.train.task import Task


@dataclass(frozen=True, eq=False)
class Blocks:
    """A model as the blocks of its head, and its tail. All share the model's modules, their hooks and their mode.

    The graph was recorded in eval mode: a dropout that is a call and not a module stays off.

    Attributes:
        head: N×3×H×W to what each block yields, the last of which crosses the cut.
        tail: what crosses, to what the model answers.
        shape: of what crosses for one picture, without the batch.
    """

    head: fx.GraphModule
    tail: nn.Module
    shape: tuple[int, ...]

    @classmethod
    def of(cls, module: nn.Module, ends: Sequence[str], example: Tensor) -> Blocks:
        """Take a model apart.

        Args:
            module: any; it is left in the mode that it was in.
            ends: where the blocks end; the last is the cut.
            example: pictures that it takes.

        Raises:
            CutError: no such points, or more than one tensor crosses at one of them.
        """
        learns = module.training
        with TRACING:
            surveyed = survey(module, example)
            parts = cut_at(surveyed, ends[-1])
        module.train(learns)
        if len(parts.plan.tensors) != 1 or parts.plan.tensors[0].shape != _shape(surveyed, ends[-1]):
            raise CutError(f"{len(parts.plan.tensors)} tensors cross at {ends[-1]}: cut at the end of a block")
        graph = parts.head.graph
        nodes = {node.name: node for node in graph.nodes}
        (output,) = (node for node in graph.nodes if node.op == "output")
        output.args = (tuple(nodes[surveyed.nodes[surveyed.index(end)].name] for end in ends),)
        return cls(fx.GraphModule(parts.head, graph, "Blocks"), parts.tail, parts.plan.tensors[0].shape[1:])


def paths_in(module: nn.Module, network: nn.Module, paths: Sequence[str]) -> tuple[str, ...]:
    """Paths of a network's modules, as named by the module that holds the network."""
    prefix = next(path for path, part in module.named_modules() if part is network)
    return tuple(f"{prefix}.{path}" if prefix else path for path in paths)


@dataclass(frozen=True, eq=False)
class Split:
    """A task's module in two parts, which share its weights and its mode.

    Attributes:
        task: data, module and prediction loss.
        blocks: head and tail, and the shape of what crosses.
        size: side of the target's pictures in pixels.
        seed: of all random choices.
    """

    task: Task
    blocks: Blocks
    size: int
    seed: int

    @classmethod
    def of(cls, task: Task, network: nn.Module, cut: str, seed: int) -> Self:
        """Take the task's module apart, on the device that it will be trained on.

        Args:
            task: data and module.
            network: the target as the module holds it.
            cut: where its head ends.
            seed: of all random choices.

        Raises:
            CutError: no such cut, or more than one tensor crosses.
        """
        device, size = PartialState().device, side_of(task.preprocess.size, "training")
        module = task.module.to(device)
        MemoryLayout.of(module).module(module)
        example = torch.zeros(1, 3, size, size, device=device)
        blocks = Blocks.of(module, paths_in(module, network, (cut,)), example)
        return cls(task, blocks, size, seed)

    def features(self, inputs: Tensor) -> Tensor:
        """Features N×… at the cut, of normalised pictures N×3×size×size."""
        crossing: Tensor = self.blocks.head(inputs)[-1]
        return crossing

    def deployed(self, inputs: Tensor) -> Tensor:
        """`features` without gradient. The head is put in eval mode and stays in it."""
        self.blocks.head.eval()
        with torch.no_grad():
            return self.features(inputs)

    def prediction_loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """The task's loss of the tail's answers to features N×…."""
        return self.task.loss(self.blocks.tail(features), labels)

    def pictures(self, inputs: Tensor) -> Tensor:
        """Normalised inputs as RGB pictures in [0, 1]."""
        return denormalised(inputs, self.task.preprocess)

    def freeze_head(self) -> None:
        """Take the head's weights out of the training."""
        self.blocks.head.requires_grad_(False)

    def freeze(self) -> None:
        """Take all weights of the task's module out of the training, a classifier of identities included: it knows the
        identities where the recipe has a teaching."""
        self.task.module.requires_grad_(False)

    def typical(self) -> Tensor:
        """Features of one batch of training pictures, N×…, as the target makes them now."""
        generator = torch.Generator().manual_seed(self.seed)
        (batch,) = islice(self.task.batches(self.size, generator), 1)
        learns = self.task.module.training
        features = self.deployed(batch.inputs.to(PartialState().device))
        self.task.module.train(learns)
        return features


def denormalised(inputs: Tensor, preprocess: Preprocess) -> Tensor:
    """Inverse of `Preprocess.normalise`: the model's input, N×3×H×W, to pictures in [0, 1]."""
    mean, std = (inputs.new_tensor(values).view(3, 1, 1) for values in (preprocess.mean, preprocess.std))
    return inputs * std + mean


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """In the block, ``module`` is in eval mode."""
    learns = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(learns)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """In the block, ``module`` passes gradients on and takes none."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


def _shape(surveyed: Survey, end: str) -> tuple[int, ...] | None:
    seen = surveyed.values[surveyed.index(end)]
    return (1, *seen.shape[1:]) if isinstance(seen, SeenTensor) else None
