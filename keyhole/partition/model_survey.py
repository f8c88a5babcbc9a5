"""Surveys of models: the operations, their results and costs, and the names of the points between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from keyhole.partition.errors import CutError, unknown_cut
from keyhole.partition.plan import INPUT, OUTPUT
from keyhole.partition.shape_propagation import attribute
from keyhole.partition.tracing import trace
from keyhole.sizes import Size, height_width

if TYPE_CHECKING:
    from keyhole.targets import Target


_SIZE: Size = 224  # of a model that does not say its own


@dataclass(frozen=True, eq=False)
class Survey:
    """A model as a list of operations. A cut is an index into it; the head is all up to and including that one.

    Attributes:
        model: the model, in eval mode.
        graph: its operations, with the model's input first.
        nodes: the same without the output.
        paths: dotted path of each node.
        values: what each node yielded for a batch of `PROBE` pictures, with `SeenTensor` for tensors, nested or
            not.
        macs: multiply-accumulates of each node for one picture.
        constants: tensors that the model's code made and that the graph names.
        closed: the modules that could not be traced through, each with the reason.
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
    constants: Mapping[str, Tensor]
    closed: Mapping[str, str]
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
        """The nodes whose values depend on the pixels, not on parameters and the picture's shape alone."""
        found = {self.nodes[0]}
        for node, value in zip(self.nodes, self.values, strict=True):
            if not is_number(value) and not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return frozenset(found)

    def value(self, node: fx.Node) -> Any:
        """The value of a node."""
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
            raise self._not_opened(cut)
        raise unknown_cut(type(self.model).__name__, cut, [*self.ends, *named])

    def _not_opened(self, path: str) -> CutError:
        whole = [str(node.target) for node in self.nodes if node.op == "call_module"]
        around = next((outer for outer in whole if path.startswith(f"{outer}.")), None)
        if around is None:
            return CutError(f"{type(self.model).__name__} does not run its module {path!r} in inference: cut elsewhere")
        why = f", which {self.closed[around]}" if around in self.closed else ""
        return CutError(f"{path!r} is inside {around!r}{why}, and is kept whole: cut before {around!r} or after it")

    def name(self, index: int) -> str:
        """Canonical path of a point."""
        return self.blocks.get(index, self.paths[index])

    def module(self, graph: fx.Graph, name: str = "GraphModule") -> fx.GraphModule:
        """A module that runs a graph of the model's operations. It shares the model's modules and parameters."""
        named = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
        return fx.GraphModule({path: self.held(path) for path in named}, graph, name).eval()

    def held(self, path: str) -> Any:
        """The module, parameter, buffer or constant that a node names."""
        return self.constants[path] if path in self.constants else attribute(self.model, path)


def survey(model: nn.Module | Target, example: Tensor | None = None) -> Survey:
    """Trace a model and run it once on tensors without data.

    A model in training mode is put in eval mode.

    Args:
        model: a module of one picture input, or a target.
        example: pictures, N×C×H×W; without one noise of the target's size, or 224 pixels where the size is not known.

    Raises:
        CutError: the model cannot be traced, or cannot take the example.

    >>> surveyed = survey(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()), torch.rand(1, 3, 8, 8))
    >>> surveyed.paths, surveyed.macs
    (('input', '0', '1'), (0, 13824, 0))
    """
    network, size = (model, _SIZE) if isinstance(model, nn.Module) else (model.model, model.preprocess.size)
    if example is None:
        noise = torch.rand(1, 3, *height_width(size), generator=torch.Generator().manual_seed(0))
        first = next(network.parameters(), noise)
        example = noise.to(first.device, first.dtype if network is model else noise.dtype)
    network.eval()
    found = trace(network, example)
    nodes = tuple(node for node in found.graph.nodes if node.op != "output")
    paths = (INPUT, *(found.paths.get(node, str(node.target)) for node in nodes[1:]))
    ends = _ends([(node, found.paths.get(node)) for node in nodes])
    blocks = {ends[path]: path for path in reversed(block_ends(network)) if path in ends}
    return Survey(
        model=network,
        graph=found.graph,
        nodes=nodes,
        paths=paths,
        values=tuple(found.values[node] for node in nodes),
        macs=tuple(found.macs[node] for node in nodes),
        constants=found.constants,
        closed=found.closed,
        ends=ends,
        blocks=blocks,
        aliases=aliases(network, ends),
        example=example[:1].contiguous(),
    )


def is_number(value: Any) -> bool:
    """Whether a node's value follows from the batch alone: a length, or the device."""
    return value is None or isinstance(value, int | torch.device)


def _ends(operations: list[tuple[fx.Node, str | None]]) -> dict[str, int]:
    modules: dict[str, int] = {}
    own: dict[str, int] = {}
    for index, (node, path) in enumerate(operations):
        if path is None or node.op in ("placeholder", "get_attr"):
            continue
        own[path] = index
        owner = str(node.target) if node.op == "call_module" else path.rpartition(".")[0]
        while owner:
            modules[owner] = index
            owner = owner.rpartition(".")[0]
    return {INPUT: 0, OUTPUT: len(operations) - 1, **modules, **own}


_STACKS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_SILENT = (nn.Identity, nn.Dropout)


def block_ends(model: nn.Module) -> list[str]:
    """Dotted paths of the modules between which a model is naturally cut, innermost first.

    A block is a child of the model or of a stack: a plain ``nn.Sequential``, ``nn.ModuleList`` or ``nn.ModuleDict``, or
    one's own kind of these that holds at least two blocks of a kind. What is inside a block is left out, unless it is
    such a stack of two (a transformer's encoder). Dropout and identities, which pass their input on, are left out too.
    """
    return _walk(model, "")


def _walk(module: nn.Module, path: str) -> list[str]:
    ends: list[str] = []
    for name, child in module.named_children():
        inner = f"{path}.{name}" if path else name
        if _is_stack(child) or _holds_stack(child):
            ends += _walk(child, inner)
        if not isinstance(child, _SILENT):
            ends.append(inner)
    return ends


def _is_stack(module: nn.Module) -> bool:
    return type(module) in _STACKS or (isinstance(module, _STACKS) and _repeats(module))


def _holds_stack(module: nn.Module) -> bool:
    return any(_is_stack(inner) and _repeats(inner) for inner in module.modules() if inner is not module)


def _repeats(stack: nn.Module) -> bool:
    kinds = Counter(type(child) for child in stack.children() if _is_composite(child))
    return max(kinds.values(), default=0) > 1


def _is_composite(module: nn.Module) -> bool:
    return not isinstance(module, nn.Sequential) and next(module.children(), None) is not None


COUNTED: Mapping[str, int] = {
    "torchvision.models.resnet.BasicBlock": 2,
    "torchvision.models.resnet.Bottleneck": 3,
    "torchvision.models.vision_transformer.EncoderBlock": 1,
    "timm.models.resnet.BasicBlock": 2,
    "timm.models.resnet.Bottleneck": 3,
    "timm.models.vision_transformer.Block": 1,
}
"""Layers that each kind of block adds to the count."""


def aliases(model: nn.Module, ends: Mapping[str, int]) -> dict[int, str]:
    """Alias by index of a cut, for every block that `COUNTED` lists.

    ``Lk`` is the end of the block that holds the k-th layer. A ResNet's layers are the convolutions inside its residual
    blocks; the stem and the shortcuts do not count. A transformer's layers are its encoder blocks.

    The paper that uses these names (diffusion-based feature inversion, section 6.2) does not define them. They are
    read so because every one of them then falls on the end of a block and the last one on the end of the network's
    trunk: ResNet-50 has 48 such convolutions, and the paper's deepest cut of it is L48; likewise L16 of ResNet-18. With
    the stem counted, each name would fall inside a block, where two tensors are live.

    =========  =====================================================================================
    ResNet-18  L4 = layer1.1, L8 = layer2.1, L12 = layer3.1, L16 = layer4.1
    ResNet-50  L12 = layer2.0, L24 = layer3.0, L36 = layer3.4, L48 = layer4.2
    ViT-B      Lk = encoder.layers.encoder_layer_{k-1} (torchvision), blocks.{k-1} (timm)
    =========  =====================================================================================
    """
    found: dict[int, str] = {}
    layers = 0
    for path, module in model.named_modules():
        counted = COUNTED.get(f"{type(module).__module__}.{type(module).__qualname__}")
        if counted and path in ends:
            layers += counted
            found[ends[path]] = f"L{layers}"
    return found
