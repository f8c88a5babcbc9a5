"""One look at a whole model: its operations, what each yields and costs, and what every point is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from keyhole.partition.aliases import aliases
from keyhole.partition.blocks import block_ends
from keyhole.partition.errors import CutError, unknown_cut
from keyhole.partition.measuring import holds_tensor, measure
from keyhole.partition.tracing import TRACING, trace

if TYPE_CHECKING:
    from keyhole.targets import Target

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True, eq=False)
class Survey:
    """A model as a list of operations; a cut is an index into it: what comes up to there is the head.

    Attributes:
        model: the model, in eval mode.
        graph: its operations, with the model's input first.
        nodes: the same without the output.
        paths: dotted path of each node.
        values: what each node yielded, as in `Measured`.
        macs: multiply-accumulates of each node for one picture.
        ends: index by dotted path: an operation's own, a module's last; also ``input`` and ``output``.
        blocks: canonical path by index, for the indices that end a module outside of blocks.
        aliases: the papers' name by index.
        example: a batch of one picture.
    """

    model: nn.Module
    graph: fx.Graph
    nodes: tuple[fx.Node, ...]
    paths: tuple[str, ...]
    values: tuple[Any, ...]
    macs: tuple[int, ...]
    ends: Mapping[str, int]
    blocks: Mapping[int, str]
    aliases: Mapping[int, str]
    example: Tensor

    @cached_property
    def order(self) -> Mapping[fx.Node, int]:
        """Index by node."""
        return {node: index for index, node in enumerate(self.nodes)}

    @cached_property
    def pictorial(self) -> frozenset[fx.Node]:
        """The nodes whose tensors depend on the picture's numbers, not on the parameters and its shape alone."""
        found = {self.nodes[0]}
        for node, value in zip(self.nodes, self.values, strict=True):
            if holds_tensor(value) and not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return frozenset(found)

    def value(self, node: fx.Node) -> Any:
        """What a node yielded."""
        return self.values[self.order[node]]

    def index(self, cut: str) -> int:
        """The point that ``cut`` names: a dotted path, an alias, ``input`` or ``output``.

        Raises:
            CutError: no such point; the message lists the nearest names.
        """
        if cut in self.ends:
            return self.ends[cut]
        named = {alias: index for index, alias in self.aliases.items()}
        if cut in named:
            return named[cut]
        if cut in dict(self.model.named_modules()):
            raise CutError(f"{type(self.model).__name__} does not run its module {cut!r} in inference: cut elsewhere")
        raise unknown_cut(type(self.model).__name__, cut, [*self.ends, *named])

    def name(self, index: int) -> str:
        """Canonical path of a point."""
        return self.blocks.get(index, self.paths[index])


def survey(model: nn.Module | Target, example: Tensor | None = None) -> Survey:
    """Trace a model and run it once without numbers.

    A model in training mode is put in eval mode.

    Args:
        model: a module of one picture input, or a target.
        example: pictures, N×C×H×W; without one noise of the target's size, or 224 pixels where the size is not known.

    Raises:
        CutError: the model cannot be traced, or cannot take the example.
    """
    network, size = (model, 224) if isinstance(model, nn.Module) else (model.model, model.preprocess.size)
    if example is None:
        noise = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        first = next(network.parameters(), noise)
        example = noise.to(first.device, first.dtype)
    network.eval()
    with TRACING:
        graph, names = trace(network)
    nodes = tuple(node for node in graph.nodes if node.op != "output")
    paths = (INPUT, *(names.get(node, str(node.target)) for node in nodes[1:]))
    measured = measure(fx.GraphModule(network, graph), example)
    ends = _ends(nodes, paths)
    blocks = {ends[path]: path for path in reversed(block_ends(network)) if path in ends}
    return Survey(
        model=network,
        graph=graph,
        nodes=nodes,
        paths=paths,
        values=measured.values,
        macs=measured.macs,
        ends=ends,
        blocks=blocks,
        aliases=aliases(network, ends),
        example=example[:1].contiguous(),
    )


def _ends(nodes: tuple[fx.Node, ...], paths: tuple[str, ...]) -> dict[str, int]:
    modules: dict[str, int] = {}
    operations: dict[str, int] = {}
    for index, (node, path) in enumerate(zip(nodes, paths, strict=True)):
        if node.op in ("placeholder", "get_attr"):
            continue
        operations[path] = index
        owner = str(node.target) if node.op == "call_module" else path.rpartition(".")[0]
        while owner:
            modules[owner] = index
            owner = owner.rpartition(".")[0]
    return {INPUT: 0, OUTPUT: len(nodes) - 1, **modules, **operations}
