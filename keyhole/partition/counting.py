"""Floating-point operations of whatever torch runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

_Shape = tuple[int, ...]


def counted(call: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, int]:
    """What a call returns, and the operations of its convolutions, matrix products and attention: two for each
    multiply-accumulate."""
    with FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS)) as counter:
        value = call(*args, **kwargs)
    return value, counter.get_total_flops()


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


_FORMULAS = _formulas()
