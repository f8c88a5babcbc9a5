"""A model as a graph of operations that keep the dotted paths of their modules."""

from __future__ import annotations

import inspect
import math
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import torchvision
from torch import fx, nn
from torchvision.models.feature_extraction import NodePathTracer

from keyhole.partition.errors import CutError

TRACING = threading.RLock()
"""Held while a model is traced or cut: tracing replaces methods of ``nn.Module`` itself, for every thread. Models may
run meanwhile: what another thread calls is not recorded."""


class _UntraceableError(Exception):
    """Tracing failed inside the module at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Tracer(NodePathTracer):  # type: ignore[misc]
    """torchvision's tracer for models of one input, with the modules at the ``opaque`` paths kept whole."""

    def __init__(self, opaque: set[str]) -> None:
        leaves, functions = _kept_whole()
        super().__init__(autowrap_modules=(math, torchvision.ops), autowrap_functions=functions, leaf_modules=leaves)
        self._opaque = opaque
        self._seen: Counter[str] = Counter()
        self._thread = threading.get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualname: str) -> bool:
        return module_qualname in self._opaque or bool(super().is_leaf_module(m, module_qualname))

    def create_args_for_root(self, root_fn: Callable[..., Any], *_: Any) -> tuple[Callable[..., Any], list[Any]]:
        """One placeholder for the picture; the other parameters of ``forward`` keep their defaults."""
        picture = next(name for name in inspect.signature(root_fn).parameters if name != "self")
        return root_fn, [self.root, self.create_proxy("placeholder", picture, (), {})]

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        try:
            return super().call_module(m, forward, args, kwargs)
        except _UntraceableError:
            raise
        except Exception as error:
            raise _UntraceableError(self.path_of_module(m)) from error

    def _get_node_qualname(self, module_qualname: str, node: fx.Node) -> str:
        """torchvision's convention, ``path`` then ``path_1``, in constant time."""
        path = module_qualname
        if node.op != "call_module":
            head, _, number = node.name.rpartition("_")
            operation = head if head and number.isdigit() else node.name
            path = f"{path}.{operation}" if path else operation
        repeat = self._seen[path]
        self._seen[path] += 1
        return f"{path}_{repeat}" if repeat else path


def _kept_whole() -> tuple[list[type[nn.Module]], tuple[Callable[..., Any], ...]]:
    """Modules and functions that torchvision and timm say must not be traced through."""
    modules = [
        kind
        for _, kind in inspect.getmembers(torchvision.ops, inspect.isclass)
        if issubclass(kind, nn.Module) and not issubclass(kind, nn.Sequential)
    ]
    timm = sys.modules.get("timm.layers")
    if timm is None:
        return modules, ()
    return [*modules, *timm.get_notrace_modules()], tuple(timm.get_notrace_functions())


def trace(model: nn.Module) -> tuple[fx.Graph, dict[fx.Node, str]]:
    """Trace ``model`` in the mode it is in.

    Modules whose code depends on the numbers in a tensor cannot be traced through; they stay whole, and the model can
    be cut around them.

    Returns:
        The graph, and the dotted path of every operation, as torchvision names them.

    Raises:
        CutError: the model's own ``forward`` cannot be traced.
    """
    opaque: set[str] = set()
    while True:
        tracer = _Tracer(opaque)
        try:
            graph = tracer.trace(model)
        except _UntraceableError as error:
            if error.path in opaque:
                raise CutError(f"{type(model).__name__}: cannot trace a call of {error.path}") from error.__cause__
            opaque.add(error.path)
        except Exception as error:
            raise CutError(
                f"the forward of {type(model).__name__} cannot be traced by torch.fx: {error}. "
                "Move the part that depends on a tensor's values into a submodule, which is then kept whole."
            ) from error
        else:
            return graph, dict(tracer.node_to_qualname)
