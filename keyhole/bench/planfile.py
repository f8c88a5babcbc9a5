"""The plan file: flags by name, as YAML."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from keyhole.bench.settings import PlanSettings
from keyhole.service.errors import UsageError, unknown_name
from keyhole.sizes import Size, read_size


def read_plan(path: Path) -> PlanSettings:
    """The settings of a plan file; what it does not say is as absent as a flag.

    Raises:
        UsageError: no such file, no YAML, an unknown key, or a value of another type.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--plan {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--plan {path} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"--plan {path}: expected keys with values, such as `links: [wifi, lte]`")
    hints = get_type_hints(PlanSettings)
    values: dict[str, Any] = {}
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name not in hints:
            raise UsageError(f"--plan {path}: {unknown_name('key', str(key), hints)}")
        values[name] = _checked(f"--plan {path}: {key}", value, hints[name])
    return PlanSettings(**values)


def merged(flags: PlanSettings, file: PlanSettings) -> PlanSettings:
    """What the flags say, and where they are absent what the file says."""
    return PlanSettings(**{**_given(file), **_given(flags)})


def _given(settings: PlanSettings) -> Mapping[str, Any]:
    fields = dataclasses.fields(PlanSettings)
    return {f.name: value for f in fields if (value := getattr(settings, f.name)) not in (None, (), "")}


def _checked(where: str, value: object, hint: Any) -> object:
    if hint is str:
        return _scalar(where, value, str)
    parts = get_args(hint)
    if Ellipsis in parts:
        values = value if isinstance(value, list) else [value]
        return tuple(_scalar(where, each, parts[0]) for each in values)
    if tuple[int, int] in parts:
        return _size(where, value)
    if int in parts:
        return _scalar(where, value, int)
    (allowed,) = (get_args(part) for part in parts if get_args(part))
    if value not in allowed:
        raise UsageError(f"{where}: {unknown_name('value', str(value), allowed)}")
    return value


def _size(where: str, value: object) -> Size:
    try:
        return read_size(str(value))
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _scalar(where: str, value: object, kind: type) -> object:
    if type(value) is not kind:
        expected = "a whole number" if kind is int else "text (in quotes where YAML takes it for something else)"
        raise UsageError(f"{where}: expected {expected}, got {value!r}")
    return value
