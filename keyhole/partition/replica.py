"""A copy of a model that may be run without a trace in the model itself."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import nn

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
