"""The two graphs of a cut."""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import fx

from keyhole.partition.layout import Layout, pack, unpack
from keyhole.partition.liveness import Crossing
from keyhole.partition.measuring import PROBE
from keyhole.partition.surveying import Survey, is_number


def build_head(survey: Survey, crossing: Crossing, layouts: Sequence[Layout]) -> fx.GraphModule:
    """The graph up to the cut, every operation of it in order, so that what works in place still does."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    inside = set(crossing.head)
    for node in crossing.head:
        if node.op == "get_attr" and inside.isdisjoint(node.users):
            continue
        copies[node] = graph.node_copy(node, copies.__getitem__)
    tensors = [
        copies[node] if layout.plain else graph.call_function(pack, (copies[node], layout.batch, layout.share))
        for node, layout in zip(crossing.live, layouts, strict=True)
    ]
    graph.output(tensors[0] if len(tensors) == 1 else tuple(tensors))
    return survey.module(graph, "Head")


def build_tail(
    survey: Survey, crossing: Crossing, layouts: Sequence[Layout], overwritten: Collection[int]
) -> fx.GraphModule:
    """The graph after the cut.

    Args:
        overwritten: the live tensors, by place, that the tail changes in place and must copy first.
    """
    tail = _Tail(survey, crossing)
    tail.receive(layouts, overwritten)
    for node in crossing.tail:
        if node not in crossing.numbers:
            tail.copy(node)
    (output,) = (node for node in survey.graph.nodes if node.op == "output")
    tail.graph.output(fx.map_arg(output.args[0], tail.find))
    return survey.module(tail.graph, "Tail")


class _Tail:
    """A graph that grows, and how the whole model's nodes are called in it."""

    def __init__(self, survey: Survey, crossing: Crossing) -> None:
        self.graph = fx.Graph()
        self._survey = survey
        self._crossing = crossing
        self._found: dict[fx.Node, Any] = {}
        self._received: list[fx.Node] = []
        self._batch: fx.Node | None = None

    def receive(self, layouts: Sequence[Layout], overwritten: Collection[int]) -> None:
        """Take the features apart, and bring each tensor into the form that it had."""
        features = self.graph.placeholder("features")
        single = len(layouts) == 1
        for place, (node, layout) in enumerate(zip(self._crossing.live, layouts, strict=True)):
            tensor = features if single else self.graph.call_function(operator.getitem, (features, place))
            self._received.append(tensor)
            if place in overwritten:
                tensor = self.graph.call_method("clone", (tensor,))
            if not layout.plain:
                tensor = self.graph.call_function(unpack, (tensor, layout.batch, layout.share, layout.order))
            self._found[node] = tensor

    def copy(self, node: fx.Node) -> fx.Node:
        """Repeat a node of the whole model."""
        copied = self.graph.node_copy(node, self.find)
        self._found[node] = copied
        return copied

    def find(self, node: fx.Node) -> Any:
        """The value of a node of the whole model: received, made again from parameters, or worked out."""
        if node not in self._found:
            value = self._survey.value(node)
            self._found[node] = self._number(value) if is_number(value) else self.copy(node)
        return self._found[node]

    def _number(self, value: Any) -> Any:
        """A length, as a multiple of the batch size, or the device."""
        if isinstance(value, torch.device):
            return self.graph.call_function(getattr, (self._received[0], "device"))
        if self._batch is None:
            self._batch = self.graph.call_method("size", (self._received[0], 0))
        share = value // PROBE
        return self._batch if share == 1 else self.graph.call_function(operator.mul, (self._batch, share))
