"""Shape propagation through a model's operations, with their FLOPs, for any batch size."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.fx.node import map_aggregate
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from keyhole.partition.errors import ClosedError

PROBE = 1009
"""Batch size of the measurement. It is a prime, so that a length that it divides can only come from the batch."""

_Lengths = tuple[int, ...]


@dataclass(frozen=True)
class SeenTensor:
    """A tensor for a batch of `PROBE` pictures."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


class Varying:
    """A structure that varies with the batch, such as a list with a mapping for each picture."""


class RefusedError(Exception):
    """An operation that cannot be run; the message is its own."""


def of_batch(length: Any) -> bool:
    """Whether a number is a length that grows with the batch."""
    return isinstance(length, int) and not isinstance(length, bool) and length != 0 and length % PROBE == 0


def seen(value: Any) -> Any:
    """A value with `SeenTensor` in place of its tensors, in structures too."""
    return pytree.tree_map_only(
        Tensor, lambda tensor: SeenTensor(tuple(tensor.shape), tensor.stride(), tensor.dtype), value
    )


class OperationRunner:
    """Runner of a model's operations, one by one, on fake tensors (shapes without data), with their costs.

    Args:
        model: whose attributes and modules the operations name; what these do to themselves stays there.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)
        self.running = False

    def pictures(self, example: Tensor) -> Tensor:
        """A batch of `PROBE` pictures like the example, without numbers."""
        with self._fake:
            return example.new_empty(PROBE, *example.shape[1:])

    def run(
        self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, numbers: bool = False
    ) -> tuple[Any, int]:
        """The value of an operation for `PROBE` pictures, and its multiply-accumulates for one.

        Args:
            kind: the kind of a node of torch.fx, as are the next.
            numbers: run it with numbers, on two small batches, as is done with whatever cannot be run without.

        Raises:
            ClosedError: an operation yields what depends on the numbers in a tensor.
            RefusedError: it cannot be run.
        """
        self.running = True
        try:
            call = self._callable(kind, target)
            with _plainly():
                return self._with_numbers(call, args, kwargs) if numbers else self._measured(call, kind, args, kwargs)
        finally:
            self.running = False

    def _measured(self, call: Callable[..., Any], kind: str, args: Any, kwargs: Any) -> tuple[Any, int]:
        try:
            with self._fake:
                value, flops = counted(call, args, kwargs)
            return value, flops // 2 // PROBE
        except Exception as error:
            if kind == "call_module":
                return self._with_numbers(call, args, kwargs)
            asks = isinstance(error, DataDependentOutputException | DynamicOutputShapeException)
            value, macs = (0, 0) if asks else self._with_numbers(call, args, kwargs)
            if not _is_made_of_tensors(value):
                raise ClosedError("depends on the numbers in a tensor") from error
            return value, macs

    def _callable(self, kind: str, target: Any) -> Callable[..., Any]:
        if kind == "get_attr":
            return lambda: attribute(self._model, target)
        if kind == "call_method":
            return lambda owner, *args, **kwargs: getattr(owner, target)(*args, **kwargs)
        return self._model.get_submodule(target) if kind == "call_module" else target

    def _with_numbers(self, call: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, int]:
        try:
            two, flops = counted(call, *_numbers((args, kwargs), 2))
            three, _ = counted(call, *_numbers((args, kwargs), 3))
            alike = pytree.tree_structure(two) == pytree.tree_structure(three)
            return pytree.tree_map(self._grow, two, three) if alike else Varying(), flops // 2 // 2
        except Exception as error:
            raise RefusedError(str(error)) from error

    def _grow(self, two: Any, three: Any) -> Any:
        """The value for a batch of `PROBE`, from the values for two and for three pictures."""
        if isinstance(two, Tensor):
            shape, stride = _grown(two.shape, three.shape), _grown(two.stride(), three.stride())
            with self._fake:
                return torch.empty_strided(shape, stride, dtype=two.dtype, device=two.device)
        if dataclasses.is_dataclass(two) and not isinstance(two, type):
            names = [field.name for field in dataclasses.fields(two)]
            pairs = ((getattr(two, name), getattr(three, name)) for name in names)
            grown = (pytree.tree_map(self._grow, *pair) for pair in pairs)
            return dataclasses.replace(two, **dict(zip(names, grown, strict=True)))
        return _grown((two,), (three,))[0] if isinstance(two, int) else two


def _grown(two: tuple[int, ...], three: tuple[int, ...]) -> tuple[int, ...]:
    pairs = zip(two, three, strict=True)
    return tuple(left // 2 * PROBE if left != right and left * 3 == right * 2 else left for left, right in pairs)


def _numbers(arguments: Any, batch: int) -> Any:
    """Arguments for a batch, with numbers from 0 to 1, or zeros where they are integers."""

    def number(argument: Any) -> Any:
        if isinstance(argument, FakeTensor):
            return _numbered(argument, [number(length) for length in argument.shape])
        return argument // PROBE * batch if of_batch(argument) else argument

    return map_aggregate(arguments, number)


def _numbered(fake: FakeTensor, shape: list[int]) -> Tensor:
    order = sorted(range(fake.dim()), key=fake.stride().__getitem__, reverse=True)
    make = torch.rand if fake.is_floating_point() or fake.is_complex() else torch.zeros
    tensor = make([shape[dim] for dim in order], dtype=fake.dtype, device=fake.device)
    return tensor.permute(sorted(range(len(order)), key=order.__getitem__))


def _is_made_of_tensors(value: Any) -> bool:
    return all(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(value))


def attribute(model: nn.Module, path: str) -> Any:
    """The attribute of a model at a dotted path."""
    owner, _, name = path.rpartition(".")
    return getattr(model.get_submodule(owner), name)


@contextmanager
def _plainly() -> Iterator[None]:
    """Transformer layers as the sum of operations whose cost is known, not as one fused call; nothing is kept of the
    weights that autocast makes, as they are without numbers."""
    fused, kept = torch.backends.mha.get_fastpath_enabled(), torch.is_autocast_cache_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        torch.set_autocast_cache_enabled(kept)


def counted(call: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, int]:
    """The value of a call, and the FLOPs of its convolutions, matrix products and attention: two for each
    multiply-accumulate."""
    with FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS)) as counter:
        value = call(*args, **kwargs)
    return value, counter.get_total_flops()


def _attention_flops(query: _Lengths, key: _Lengths, value: _Lengths, *_: Any, **__: Any) -> int:
    """Two products for each of the query's heads, which may share the heads of key and value; a mask saves nothing."""
    *heads, queries, width = query
    return 2 * math.prod(heads) * queries * key[-2] * (width + value[-1])


def _vector_flops(matrix: _Lengths, *_: Any, **__: Any) -> int:
    return 2 * math.prod(matrix)


def _formulas() -> Mapping[Any, Callable[..., int]]:
    """FLOPs that torch's counter lacks in some versions: of fused attention kernels, and of products with a vector."""
    names = {name.removeprefix("aten::").partition(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    fused = [name for name in names if name.startswith("_scaled_dot_product_") and not name.endswith("_backward")]
    attention = {getattr(torch.ops.aten, name): _attention_flops for name in fused}
    return {**attention, torch.ops.aten.mv: _vector_flops, torch.ops.aten.dot: _vector_flops}


_FORMULAS = _formulas()
