"""What each operation of a model yields and costs, for any batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from keyhole.partition.errors import CutError

PROBE = 1009
"""Batch size of the measurement. It is a prime, so that a length that it divides can only come from the batch."""


@dataclass(frozen=True)
class Seen:
    """A tensor for a batch of `PROBE` pictures."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Measured:
    """A run of a model with a batch of `PROBE` pictures.

    Attributes:
        values: what each node yielded: `Seen` for tensors (in structures too), other values as they were.
        macs: multiply-accumulates of each node for one picture.
    """

    values: tuple[Any, ...]
    macs: tuple[int, ...]


def holds_tensor(value: Any) -> bool:
    """Whether a value of a `Measured` is a tensor or a structure with one."""
    return any(isinstance(leaf, Seen) for leaf in pytree.tree_leaves(value))


def measure(module: fx.GraphModule, example: Tensor) -> Measured:
    """Run ``module`` without numbers; a model that looks at numbers is run with them, on two small batches.

    Raises:
        CutError: the model cannot take the example.
    """
    with torch.inference_mode(False), torch.no_grad(), _plain_attention():
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                return _run(module, example.new_empty(PROBE, *example.shape[1:]))
        except Exception:
            two, three = (example[:1].expand(batch, *example.shape[1:]).clone() for batch in (2, 3))
            try:
                return _extrapolated(_run(module, two), _run(module, three))
            except Exception as error:
                shape = "×".join(map(str, example.shape[1:]))
                raise CutError(f"the model cannot take pictures of {shape}: {error}") from error


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps what each operation yields and costs."""

    def __init__(self, module: fx.GraphModule, counter: FlopCounterMode) -> None:
        super().__init__(module)
        self._counter = counter
        self.values: list[Any] = []
        self.flops: list[int] = []

    def run_node(self, n: fx.Node) -> Any:
        before = self._counter.get_total_flops()
        value = super().run_node(n)
        self.flops.append(self._counter.get_total_flops() - before)
        self.values.append(pytree.tree_map_only(Tensor, _seen, value))
        return value


def _seen(tensor: Tensor) -> Seen:
    return Seen(tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _run(module: fx.GraphModule, batch: Tensor) -> Measured:
    with FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS)) as counter:
        recorder = _Recorder(module, counter)
        recorder.run(batch)
    return Measured(tuple(recorder.values[:-1]), tuple(flops // 2 // len(batch) for flops in recorder.flops[:-1]))


def _extrapolated(two: Measured, three: Measured) -> Measured:
    """What a batch of `PROBE` yields, from what two and three pictures yield."""
    pairs = zip(two.values, three.values, strict=True)
    return Measured(tuple(pytree.tree_map(_grow, *pair) for pair in pairs), two.macs)


def _grow(two: Any, three: Any) -> Any:
    if isinstance(two, Seen):
        return Seen(_grow_all(two.shape, three.shape), _grow_all(two.stride, three.stride), two.dtype)
    if isinstance(two, torch.Size):
        return torch.Size(_grow_all(two, three))
    if isinstance(two, int) and two != three and two * 3 == three * 2:
        return two // 2 * PROBE
    return two


def _grow_all(two: tuple[int, ...], three: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_grow(left, right) for left, right in zip(two, three, strict=True))


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Transformer layers as the sum of operations whose cost is known, not as one fused call."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _attention_flops(query: _Shape, key: _Shape, value: _Shape, *_: Any, **__: Any) -> int:
    """Two products for each of the query's heads, which may share the heads of key and value; a mask saves nothing."""
    *heads, queries, width = query
    return 2 * math.prod(heads) * queries * key[-2] * (width + value[-1])


def _vector_flops(matrix: _Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(matrix)


def _formulas() -> Mapping[Any, Callable[..., int]]:
    """What torch's counter lacks in some versions: attention by every fused kernel, and products with a vector."""
    names = {name.removeprefix("aten::").partition(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    fused = [name for name in names if name.startswith("_scaled_dot_product_") and not name.endswith("_backward")]
    attention = {getattr(torch.ops.aten, name): _attention_flops for name in fused}
    return {**attention, torch.ops.aten.mv: _vector_flops, torch.ops.aten.dot: _vector_flops}


_Shape = tuple[int, ...]
_FORMULAS = _formulas()
