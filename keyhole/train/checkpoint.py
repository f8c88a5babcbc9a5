"""Checkpoints of a training: its whole state and its steps, on disk."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from accelerate import Accelerator

from keyhole.service.errors import UsageError

EVERY_SECONDS = 60.0
"""Seconds between checkpoints; a training that is killed loses no more."""
_STEPS, _FACTS = "steps", "facts.json"
T = TypeVar("T")


class TrainingCheckpoint:
    """The state of everything that an accelerator holds, and the number of finished steps.

    A new checkpoint replaces the last one only when it is complete, whatever ends the process meanwhile.

    Args:
        accelerator: it has prepared or registered everything that the checkpoint must hold.
        folder: of the checkpoint.
        facts: that tell the training from others. A checkpoint of one with others is refused; it may lack some.
    """

    def __init__(self, accelerator: Accelerator, folder: Path, facts: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._accelerator, self._folder = accelerator, folder
        self._facts = {name: str(value) for name, value in facts.items()}
        self._next, self._last = folder.with_name(f"{folder.name}.next"), folder.with_name(f"{folder.name}.last")
        self._saved, self._at = 0, time.monotonic()

    def load(self) -> int:
        """Restore the state; return the number of finished steps, 0 where there is no checkpoint.

        Raises:
            UsageError: the checkpoint does not say how many steps are finished, or is of another training.
        """
        for folder in (self._folder, self._next, self._last):
            if (folder / _STEPS).is_file():
                self._check(folder)
                self._accelerator.load_state(str(folder))
                self._saved = int((folder / _STEPS).read_text())
                break
        else:
            if self._folder.exists():
                raise UsageError(
                    f"{self._folder} cannot be resumed: it is a checkpoint of an earlier version, or something else; "
                    "remove it to start over, or give another --out"
                )
        return self._saved

    def save(self, steps: int) -> None:
        """Write the state after so many finished steps."""
        shutil.rmtree(self._next, ignore_errors=True)
        self._accelerator.save_state(str(self._next))
        (self._next / _FACTS).write_text(json.dumps(self._facts, indent=2, ensure_ascii=False), encoding="utf-8")
        (self._next / _STEPS).write_text(str(steps))
        shutil.rmtree(self._last, ignore_errors=True)
        if self._folder.exists():
            self._folder.rename(self._last)
        self._next.rename(self._folder)
        shutil.rmtree(self._last, ignore_errors=True)
        self._saved, self._at = steps, time.monotonic()

    def save_if_due(self, steps: int) -> None:
        """`save`, if ``EVERY_SECONDS`` have passed since the last one."""
        if time.monotonic() - self._at >= EVERY_SECONDS:
            self.save(steps)

    def _check(self, folder: Path) -> None:
        file = folder / _FACTS
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        others = [name for name, value in self._facts.items() if known.get(name, value) != value]
        if others:
            told = "; ".join(f"{name} was {known[name]} and is {self._facts[name]}" for name in others)
            raise UsageError(
                f"{folder} is of another training ({told}), which this one cannot go on with: give another --out, or "
                f"remove {folder} to start over"
            )

    @contextmanager
    def explained(self, total: int) -> Iterator[None]:
        """In the block, an interruption says how many of the ``total`` steps are kept, and how to go on."""
        try:
            yield
        except KeyboardInterrupt:
            kept = f"{self._saved} of {total} steps are kept in {self._folder}"
            raise KeyboardInterrupt(f"stopped; {kept}, and the same command goes on there") from None


def skipped(batches: Iterator[T], count: int) -> Iterator[T]:
    """The batches without the first ``count``, which are drawn without moving the global random numbers."""
    if count:
        with torch.random.fork_rng(devices=[]):
            next(islice(batches, count - 1, None), None)
    return batches
