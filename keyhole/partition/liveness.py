"""What is alive at a cut: the tensors that must cross, and what the tail can make again by itself."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from torch import fx

from keyhole.partition.errors import CutError
from keyhole.partition.measuring import Seen
from keyhole.partition.surveying import Survey, is_number


@dataclass(frozen=True)
class Crossing:
    """What a cut needs.

    Attributes:
        head: the nodes that run before the cut, in order.
        tail: the nodes that run after it, in order.
        live: the head's tensors that the tail needs, in order.
        numbers: the tail's nodes that ask a head's tensor for its shape alone; the batch size answers instead, so that
            the tensor need not cross.
    """

    head: tuple[fx.Node, ...]
    tail: tuple[fx.Node, ...]
    live: tuple[fx.Node, ...]
    numbers: frozenset[fx.Node]


def crossing(survey: Survey, index: int) -> Crossing:
    """What is alive after node ``index``.

    Raises:
        CutError: a value that is alive is neither a tensor nor an item of a structure of tensors.
    """
    head = set(survey.nodes[: index + 1])
    head.update(node for node in survey.nodes[index + 1 :] if _picks(survey, node, head))
    tail = [node for node in survey.nodes if node not in head]
    carriers = head & survey.pictorial
    numbers = {node for node in tail if is_number(survey.value(node))}
    readers = [node for node in survey.graph.nodes if node not in head and node not in numbers]
    live = {source for node in readers for source in node.all_input_nodes if source in carriers}
    for node in live:
        if not isinstance(survey.value(node), Seen):
            name, kind = survey.name(survey.order[node]), type(survey.value(node)).__name__
            raise CutError(f"{name} yields a {kind} that is used whole: cut before or after that use")
    return Crossing(
        tuple(node for node in survey.nodes if node in head),
        tuple(tail),
        tuple(sorted(live, key=survey.order.__getitem__)),
        frozenset(node for node in numbers if not (carriers - live).isdisjoint(node.all_input_nodes)),
    )


def _picks(survey: Survey, node: fx.Node, head: set[fx.Node]) -> bool:
    """Whether a node takes one item of a structure that the head made."""
    if node.target not in (operator.getitem, getattr):
        return False
    source = node.args[0]
    return isinstance(source, fx.Node) and source in head and not isinstance(survey.value(source), Seen)
