"""The blocks of a head, f_1 to f_N of PATROL's Eqs. 4 to 6, and the rest of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, fx, nn

from keyhole.partition import CutError, cut_at, survey
from keyhole.partition.measuring import Seen
from keyhole.partition.surveying import Survey
from keyhole.partition.tracing import TRACING


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
    """Paths of a network as the module that holds it names them."""
    prefix = next(path for path, part in module.named_modules() if part is network)
    return tuple(f"{prefix}.{path}" if prefix else path for path in paths)


def block_ends(surveyed: Survey, cut: str) -> tuple[str, ...]:
    """Where the blocks of the head that ends at ``cut`` end; the last is ``cut`` itself, by its own path.

    PATROL speaks of four residual blocks of ResNet-18 and gives four weights α: these are its stages ``layer1`` to
    ``layer4`` (elsewhere it counts eight convolution blocks, two to a stage). So blocks are the stages, what comes
    before the first belonging to it. Of a network with one stack of modules, such as a transformer, they are the
    stack's modules; of one without any, its modules that have modules.

    Raises:
        CutError: no such cut.
    """
    last = surveyed.index(cut)
    children = dict(surveyed.model.named_children())
    stages = [name for name, child in children.items() if isinstance(child, nn.Sequential) and _holds_modules(child)]
    if len(stages) == 1:
        stages = [f"{stages[0]}.{name}" for name, _ in children[stages[0]].named_children()]
    if not stages:
        stages = [name for name, child in children.items() if next(child.children(), None) is not None]
    ends = [surveyed.name(surveyed.ends[path]) for path in stages if surveyed.ends.get(path, last) < last]
    return (*ends, surveyed.name(last))


def _holds_modules(stack: nn.Sequential) -> bool:
    return any(next(child.children(), None) is not None for child in stack)


def _shape(surveyed: Survey, end: str) -> tuple[int, ...] | None:
    seen = surveyed.values[surveyed.index(end)]
    return (1, *seen.shape[1:]) if isinstance(seen, Seen) else None
