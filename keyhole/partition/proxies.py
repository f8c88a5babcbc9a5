"""Proxies for the values of a model that is traced: tensors are recorded by torch.fx, numbers stay numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode, is_tensor_method_or_property

from keyhole.partition.errors import ClosedError
from keyhole.partition.shape_propagation import of_batch


class Recorder(Protocol):
    """A tracer that records operations."""

    @property
    def idle(self) -> bool:
        """Whether what is called now is not to be recorded."""

    def value(self, node: fx.Node) -> Any:
        """The value of a node, as fake tensors."""

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any) -> Any:
        """Record an operation."""


class RecordedProxy(fx.Proxy):
    """A tensor, or a structure that holds one, whose shape and type the model's code may ask for."""

    tracer: Any

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The value's own, so that ``isinstance`` says what it says of the value."""
        value = self.tracer.value(self.node)
        return Tensor if isinstance(value, Tensor) else type(value)

    def __getattr__(self, k: str) -> Any:
        value = self.tracer.value(self.node)
        if isinstance(value, Mapping) and k in ("values", "items"):
            return getattr({key: self._item(key) for key in value}, k)
        if not hasattr(value, k):
            raise AttributeError(f"{type(value).__name__!r} object has no attribute {k!r}")
        if not callable(getattr(value, k)):
            return self.tracer.create_proxy("call_function", getattr, (self, k), {})
        return lambda *args, **kwargs: self.tracer.create_proxy("call_method", k, (self, *args), kwargs)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, key, value), {})

    def __len__(self) -> int:
        return len(self.tracer.value(self.node))

    def __iter__(self) -> Iterator[Any]:
        value = self.tracer.value(self.node)
        if not isinstance(value, Tensor | tuple | list):
            return iter(value)
        if of_batch(len(value)):
            raise ClosedError("loops over the pictures of a batch")
        return (self._item(place) for place in range(len(value)))

    def keys(self) -> Any:
        """The keys, for ``**``."""
        return self.tracer.value(self.node).keys()

    def _item(self, key: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.getitem, (self, key), {})

    def __bool__(self) -> bool:
        value = self.tracer.value(self.node)
        if isinstance(value, Tensor):
            raise ClosedError("depends on the numbers in a tensor")
        return bool(value)

    __int__ = __float__ = __index__ = __bool__


class RecordingMode(TorchFunctionMode):
    """Records calls that make a tensor of a recorded length or device from no recorded tensor."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        proxies, lengths = _find(args, kwargs)
        if self._recorder.idle or not (proxies or lengths):
            return func(*args, **kwargs)
        if proxies:
            return RecordedProxy.__torch_function__(func, types, args, kwargs)
        if is_tensor_method_or_property(func):
            return self._recorder.create_proxy("call_method", func.__name__, args, kwargs)
        return self._recorder.create_proxy("call_function", func, args, kwargs)


def is_plain(value: Any) -> bool:
    """Whether a value is no tensor and holds none, nor a device: the model's code computes with it as it is."""
    if isinstance(value, tuple | list):
        return all(map(is_plain, value))
    return isinstance(value, bool | int | float | complex | str | torch.dtype | torch.layout | torch.memory_format)


def _find(*arguments: Any) -> tuple[bool, bool]:
    """Whether arguments hold something recorded, and a length that grows with the batch."""
    leaves: list[Any] = []
    map_aggregate(arguments, leaves.append)
    return any(isinstance(leaf, fx.Proxy) for leaf in leaves), any(map(of_batch, leaves))
