"""Where the blocks of a model end."""

from __future__ import annotations

from collections import Counter

from torch import nn

_STACKS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_SILENT = (nn.Identity, nn.Dropout)


def block_ends(model: nn.Module) -> list[str]:
    """Dotted paths of the modules between which a model is naturally cut, innermost first.

    A block is a child of the model or of a stack: a plain ``nn.Sequential``, ``nn.ModuleList`` or ``nn.ModuleDict``, or
    one's own kind of these that holds at least two blocks of a kind. What is inside a block is left out, unless it is
    such a stack of two (a transformer's encoder). Dropout and identities, which pass their input on, are left out too.
    """
    return _walk(model, "")


def _walk(module: nn.Module, path: str) -> list[str]:
    ends: list[str] = []
    for name, child in module.named_children():
        inner = f"{path}.{name}" if path else name
        if _is_stack(child) or _holds_stack(child):
            ends += _walk(child, inner)
        if not isinstance(child, _SILENT):
            ends.append(inner)
    return ends


def _is_stack(module: nn.Module) -> bool:
    return type(module) in _STACKS or (isinstance(module, _STACKS) and _repeats(module))


def _holds_stack(module: nn.Module) -> bool:
    return any(_is_stack(inner) and _repeats(inner) for inner in module.modules() if inner is not module)


def _repeats(stack: nn.Module) -> bool:
    kinds = Counter(type(child) for child in stack.children() if _is_composite(child))
    return max(kinds.values(), default=0) > 1


def _is_composite(module: nn.Module) -> bool:
    return not isinstance(module, nn.Sequential) and next(module.children(), None) is not None
