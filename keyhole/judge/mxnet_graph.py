"""Networks of MXNet, from a symbol's JSON and its arrays, as far as convolutional embedders need them."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.service.errors import UsageError

_INPUT = "data"
Attributes = Mapping[str, Any]
Operation = Callable[[Attributes, list[Tensor]], Tensor]


def _convolution(attributes: Attributes, given: list[Tensor]) -> Tensor:
    pictures, weight, *bias = given
    return F.conv2d(
        pictures,
        weight,
        bias[0] if bias else None,
        attributes.get("stride", 1),
        attributes.get("pad", 0),
        attributes.get("dilate", 1),
        attributes.get("num_group", 1),
    )


def _batch_norm(attributes: Attributes, given: list[Tensor]) -> Tensor:
    """With ``fix_gamma``, MXNet's default, the factor is 1 whatever the array says; ε is 1e-3 where none is given."""
    values, factor, shift, mean, variance = given
    weight = torch.ones_like(factor) if attributes.get("fix_gamma", True) else factor
    return F.batch_norm(values, mean, variance, weight, shift, eps=attributes.get("eps", 1e-3))


def _leaky(attributes: Attributes, given: list[Tensor]) -> Tensor:
    if attributes.get("act_type", "leaky") == "prelu":
        return F.prelu(given[0], given[1])
    return F.leaky_relu(given[0], attributes.get("slope", 0.25))


def _connected(attributes: Attributes, given: list[Tensor]) -> Tensor:
    values, weight, *bias = given
    return F.linear(values.flatten(1) if attributes.get("flatten", True) else values, weight, bias[0] if bias else None)


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "Convolution": _convolution,
        "BatchNorm": _batch_norm,
        "LeakyReLU": _leaky,
        "FullyConnected": _connected,
        "elemwise_add": lambda _, given: given[0] + given[1],
        "Flatten": lambda _, given: given[0].flatten(1),
        "_minus_scalar": lambda attributes, given: given[0] - attributes["scalar"],
        "_mul_scalar": lambda attributes, given: given[0] * attributes["scalar"],
    }
)
"""By the name that MXNet gives them; each as it acts in evaluation."""


class MxnetGraph(nn.Module):
    """A network of MXNet in evaluation.

    Args:
        nodes: of the symbol, in an order in which each comes after its inputs.
        output: place of the node whose value is the answer.
        arrays: the symbol's arrays by name.

    Raises:
        UsageError: an operation that is not in `OPERATIONS`, or an array that is missing.
    """

    def __init__(self, nodes: list[dict[str, Any]], output: int, arrays: Mapping[str, Tensor]) -> None:
        super().__init__()
        unknown = sorted({node["op"] for node in nodes} - {*OPERATIONS, "null"})
        missing = [node["name"] for node in nodes if node["op"] == "null" and node["name"] not in {*arrays, _INPUT}]
        if unknown or missing:
            raise UsageError(f"operations {unknown} and arrays {missing} of the symbol are not known")
        self._nodes, self._output = nodes, output
        for name, array in arrays.items():
            self.register_buffer(_plain(name), array)

    @classmethod
    def load(cls, arrays: Path, symbol: Path) -> MxnetGraph:
        """The network of a file of arrays (npz) and a symbol (JSON).

        Raises:
            UsageError: either is not there or damaged, or holds what this does not know.
        """
        try:
            facts = json.loads(symbol.read_text())
            with np.load(arrays) as found:
                tensors = {_short(name): torch.from_numpy(found[name]).float() for name in found.files}
            nodes = [{**node, "attrs": _read(node.get("attrs", {}))} for node in facts["nodes"]]
            output = int(facts["heads"][0][0])
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise UsageError(f"{arrays} with {symbol}: no network of MXNet ({error})") from error
        return cls(nodes, output, tensors).eval()

    def forward(self, inputs: Tensor) -> Tensor:
        """The answer to inputs N×…, which take the place of ``data``."""
        values: list[Tensor | None] = []
        for node in self._nodes:
            if node["op"] == "null":
                name = node["name"]
                values.append(inputs if name == _INPUT else self.get_buffer(_plain(name)))
            else:
                given = [value for place, *_ in node["inputs"] if (value := values[place]) is not None]
                values.append(OPERATIONS[node["op"]](node["attrs"], given))
        answer = values[self._output]
        assert answer is not None
        return answer


def _plain(name: str) -> str:
    return name.replace(".", "_")


def _short(name: str) -> str:
    """An array's name without the prefix that MXNet's own files have."""
    return name.removeprefix("arg:").removeprefix("aux:")


def _read(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Attributes as values; those that are no literals stay text."""
    return {name: _literal(text) for name, text in attributes.items()}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
