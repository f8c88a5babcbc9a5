"""Hyper-parameters of a recipe as facts that are kept beside its pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

PREFIX = "recipe."
"""Of the names of facts that are hyper-parameters."""


def hyper_parameters(recipe: object) -> dict[str, object]:
    """All fields of a recipe and of what it is made of, by their path.

    Functions and classes are told by their names: where the name stays, a change of what they do is not seen.

    >>> from keyhole.attacks.classes.plg_mi import PlgRecipe
    >>> found = hyper_parameters(PlgRecipe())
    >>> found["recipe.settings.optimiser.rate"], found["recipe.settings.loss"]
    (0.1, 'max-margin')
    """
    return {PREFIX + path: value for path, value in _fields("", recipe) if path}


def _fields(path: str, value: object) -> Iterator[tuple[str, object]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner: Mapping[str, object] = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, Mapping):
        inner = {str(name): one for name, one in value.items()}
    elif isinstance(value, Sequence) and not isinstance(value, str):
        inner = {str(at): one for at, one in enumerate(value)}
    else:
        yield path, _told(value)
        return
    for name, one in inner.items():
        yield from _fields(f"{path}.{name}" if path else name, one)


def _told(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(getattr(value, "__qualname__", value))
