"""Tracing of models as graphs of operations, which keep the dotted paths of their modules, values and costs."""

from __future__ import annotations

import copy
import inspect
import math
import operator
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torchvision
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate
from torchvision.models.feature_extraction import NodePathTracer

from keyhole.partition.errors import ClosedError, CutError, reason
from keyhole.partition.proxies import RecordedProxy, RecordingMode, is_plain
from keyhole.partition.shape_propagation import PROBE, OperationRunner, RefusedError, of_batch, seen

TRACING = threading.RLock()
"""Held while a model is traced or cut: tracing replaces methods of ``nn.Module`` itself, for every thread. Models may
run meanwhile: what another thread calls is not recorded."""


@dataclass(frozen=True)
class Trace:
    """A model's operations.

    Attributes:
        graph: the operations, the model's input first. Lengths that grow with the batch follow from the input's; all
            others are numbers.
        paths: dotted path of the model's own operations, as torchvision names them.
        values: what each node but the output yielded, with `SeenTensor` for tensors (in structures too).
        macs: multiply-accumulates of each node for one picture.
        constants: tensors that the model's code made and that the graph names.
        closed: the modules that could not be traced through, each with the reason.
    """

    graph: fx.Graph
    paths: Mapping[fx.Node, str]
    values: Mapping[fx.Node, Any]
    macs: Mapping[fx.Node, int]
    constants: Mapping[str, Tensor]
    closed: Mapping[str, str]


def trace(model: nn.Module, example: Tensor) -> Trace:
    """Trace ``model`` in the mode it is in, and leave it as it is.

    Modules whose code depends on the numbers in a tensor, or that set a state of torch, cannot be traced through; they
    stay whole, and the model can be cut around them.

    Args:
        model: takes pictures, N×C×H×W.
        example: a batch of pictures, whose shape and type are used.

    Raises:
        CutError: the model's own ``forward`` cannot be traced, or cannot take the example.
    """
    closed: dict[str, str] = {}
    with TRACING, torch.inference_mode(False), torch.no_grad():
        while True:
            tracer = _Tracer(replica(model), closed, example)
            try:
                return tracer.record()
            except _InsideError as error:
                closed[error.path] = reason(error.__cause__)
            except RefusedError as error:
                shape = "×".join(map(str, example.shape[1:]))
                raise CutError(f"the model cannot take pictures of {shape}: {error}") from error
            except Exception as error:
                raise CutError(
                    f"the forward of {type(model).__name__} cannot be traced: it {reason(error)}. "
                    "Move that part into a submodule, which is then kept whole."
                ) from error


class _InsideError(Exception):
    """Tracing failed inside the module at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Tracer(NodePathTracer):  # type: ignore[misc]
    """torchvision's tracer for models of one input, with the modules at the ``closed`` paths kept whole.

    Every operation is run as it is recorded, without numbers, so that the model's code knows its shapes.
    """

    def __init__(self, model: nn.Module, closed: Mapping[str, str], example: Tensor) -> None:
        leaves, functions = _kept_whole()
        super().__init__(autowrap_modules=(math, torchvision.ops), autowrap_functions=functions, leaf_modules=leaves)
        self._model = model
        self._closed = closed
        self._measuring = OperationRunner(model)
        self._pictures = self._measuring.pictures(example)
        self._values: dict[fx.Node, Any] = {}
        self._seen: dict[fx.Node, Any] = {}
        self._macs: dict[fx.Node, int] = {}
        self._repeats: Counter[str] = Counter()
        self._thread = threading.get_ident()
        self._state = _state()

    def record(self) -> Trace:
        """The whole model.

        Raises:
            _InsideError: a module that must be kept whole.
        """
        own = set(vars(self._model))
        with RecordingMode(self):
            graph = self.trace(self._model)
        self._follow_batch(graph)
        made = {name: value for name, value in vars(self._model).items() if name not in own}
        constants = {name: value for name, value in made.items() if isinstance(value, Tensor)}
        return Trace(graph, dict(self.node_to_qualname), self._seen, self._macs, constants, dict(self._closed))

    @property
    def idle(self) -> bool:
        """Whether what is called now is an operation's own doing or another thread's."""
        return self._measuring.running or threading.get_ident() != self._thread

    def value(self, node: fx.Node) -> Any:
        """The value of a node for a batch of `PROBE` pictures, as fake tensors."""
        return self._values[node]

    def is_leaf_module(self, m: nn.Module, module_qualname: str) -> bool:
        return module_qualname in self._closed or bool(super().is_leaf_module(m, module_qualname))

    def create_args_for_root(self, root_fn: Callable[..., Any], *__: Any) -> tuple[Callable[..., Any], list[Any]]:
        """One placeholder for the picture; the other parameters of ``forward`` keep their defaults."""
        _, picture, *_ = inspect.signature(root_fn).parameters
        return root_fn, [self.root, self.create_proxy("placeholder", picture, (), {})]

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.idle:
            return forward(*args, **kwargs)
        self._check_state()
        try:
            path = self.path_of_module(m)
        except NameError:  # made by the model's code as it runs
            return forward(*args, **kwargs)
        try:
            return super().call_module(m, forward, args, kwargs)
        except _InsideError:
            raise
        except Exception as error:
            if self.is_leaf_module(m, path):
                raise
            raise _InsideError(path) from error

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self.idle else super().getattr(attr, attr_val, parameter_proxy_cache)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return RecordedProxy(node, self)

    def create_arg(self, a: Any) -> Any:
        return a.node if isinstance(a, fx.Proxy) else super().create_arg(a)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **_: Any) -> Any:
        """Record an operation. What it yields is returned as it is where it is a number or made of numbers."""
        self._check_state()
        arguments = self.create_arg(args), self.create_arg(kwargs)
        value, macs = self._run(kind, target, *arguments)
        if is_plain(value) or (value is None and target is getattr):
            return value
        node = super().create_node(kind, target, *arguments, *rest[:2])
        self._keep(node, value, macs)
        self.node_to_qualname[node] = self._get_node_qualname(self.current_module_qualname, node)
        return None if value is None else self.proxy(node)

    def create_node(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **named: Any) -> fx.Node:
        """A node of torch.fx's own making: a tensor that the model holds, a tuple or dataclass of tensors."""
        node: fx.Node = super().create_node(kind, target, args, kwargs, *rest, **named)
        if kind != "output":
            self._keep(node, *self._run(kind, target, args, kwargs))
        return node

    def _run(self, kind: str, target: Any, args: Any, kwargs: Any) -> tuple[Any, int]:
        if kind == "placeholder":
            return self._pictures, 0
        args, kwargs = map_aggregate(args, self._fetch), map_aggregate(kwargs, self._fetch)
        numbers = kind == "call_module" and target in self._closed
        return self._measuring.run(kind, target, args, kwargs, numbers=numbers)

    def _fetch(self, argument: Any) -> Any:
        return self._values[argument] if isinstance(argument, fx.Node) else argument

    def _keep(self, node: fx.Node, value: Any, macs: int) -> None:
        self._values[node], self._seen[node], self._macs[node] = value, seen(value), macs

    def _check_state(self) -> None:
        if _state() != self._state:
            raise ClosedError("computes under torch.autocast")

    def _follow_batch(self, graph: fx.Graph) -> None:
        """Let lengths that came from the batch of `PROBE` follow from the input's."""
        sizes: dict[int, fx.Node] = {}
        picture, *others = graph.nodes

        def size(length: Any) -> Any:
            if not of_batch(length):
                return length
            share = length // PROBE
            if share not in sizes:
                batch = size(PROBE) if share != 1 else None
                with graph.inserting_after(batch or picture):
                    made = (
                        graph.call_method("size", (picture, 0))
                        if batch is None
                        else graph.call_function(operator.mul, (batch, share))
                    )
                sizes[share] = made
                self._seen[made], self._macs[made] = length, 0
            return sizes[share]

        for node in others:
            node.args, node.kwargs = map_aggregate(node.args, size), map_aggregate(node.kwargs, size)

    def _get_node_qualname(self, module_qualname: str, node: fx.Node) -> str:
        """torchvision's convention, ``path`` then ``path_1``, in constant time."""
        path = module_qualname
        if node.op != "call_module":
            head, _, number = node.name.rpartition("_")
            operation = head if head and number.isdigit() else node.name
            path = f"{path}.{operation}" if path else operation
        repeat = self._repeats[path]
        self._repeats[path] += 1
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


def _state() -> list[tuple[bool, torch.dtype]]:
    """State of torch, set by no operation, that decides what operations compute: autocast."""
    return [(torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in ("cpu", "cuda")]


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def replica(model: ModuleT) -> ModuleT:
    """A copy of ``model`` with its own buffers, caches and modules; the parameters are shared.

    What cannot be copied (a lock, an open file) is shared too.
    """
    memo: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
    for module in reversed(list(model.modules())):
        for value in vars(module).values():
            try:
                copy.deepcopy(value, memo)
            except Exception:
                memo[id(value)] = value
    return copy.deepcopy(model, memo)
