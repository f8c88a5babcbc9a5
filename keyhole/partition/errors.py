"""Errors of tracing and cutting a model."""

from __future__ import annotations

import difflib
import linecache
import traceback
from collections.abc import Iterable
from pathlib import Path

import torch

from keyhole.service.errors import UsageError

_NOT_THE_MODELS = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


class CutError(UsageError):
    """A cut that does not exist or cannot be made; the message says why and what can be done."""


class ClosedError(Exception):
    """A part of a model that cannot be traced through; the message says what it does."""


def unknown_cut(model: str, cut: str, known: Iterable[str]) -> CutError:
    """The error for a name that is no point of the model; it lists the nearest names."""
    near = difflib.get_close_matches(cut, list(known), n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}; " if near else ""
    return CutError(f"{model} has no point {cut!r} to cut at ({hint}`keyhole cuts MODEL --all` lists every point)")


def reason(error: BaseException | None) -> str:
    """Why code could not be traced: what it does, and its line, as in ``… (`if x.sum() > 0:`, model.py:12)``."""
    if error is None:
        return "cannot be traced"
    said = str(error).strip().partition("\n")[0]
    what = said if isinstance(error, ClosedError) else f"raises {type(error).__name__}: {said}"
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = frame.f_code.co_filename
        if not name.startswith(_NOT_THE_MODELS):
            line = linecache.getline(name, number).strip()
            return f"{what} ({f'`{line}`, ' if line else ''}{Path(name).name}:{number})"
    return what
