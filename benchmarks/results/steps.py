"""Steps of a study: `keyhole` commands, each run once, in the order of their needs, and resumed where they stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["folder", "scores", "figures"]
SCORES, DONE = "scores.json", "done"
PICTURES, CACHE = "pictures", "cache"
Run = Callable[[Sequence[str], Path], int]


@dataclass(frozen=True)
class Step:
    """One command, whose results have a folder of their own.

    The folder is named after the command, so that a command that is changed is another step and starts anew.

    Attributes:
        name: for people.
        kind: a ``folder`` (a training, a benchmark) is told ``--out``; ``scores`` are of attacks
            and are told ``--json`` and where pictures are kept; ``figures`` are told ``--json`` alone.
        arguments: after ``keyhole``; ``{name}`` stands for the folder of a step that is needed, ``{cache}`` for the
            folder of drawn pictures, ``{own}`` for the step's own.
        needs: steps by the names that the arguments use.
        after: steps whose results are not used but which come first, because they draw the pictures of this one.
        gathered: steps whose pictures, in ``{own}/pictures``, this one finds in its own: the same command with fewer
            attacks, so that they run beside each other.
        minutes: of one core, roughly; None: nobody has said.
    """

    name: str
    kind: Kind
    arguments: tuple[str, ...]
    needs: Mapping[str, Step] = field(default_factory=dict)
    after: tuple[Step, ...] = ()
    gathered: tuple[Step, ...] = ()
    minutes: float | None = None

    @property
    def earlier(self) -> tuple[Step, ...]:
        """Steps that must be done before."""
        return (*self.needs.values(), *self.after, *self.gathered)

    @property
    def digest(self) -> str:
        """Of the command and of all that it needs."""
        told = [self.kind, *self.arguments, *(f"{name}={step.digest}" for name, step in sorted(self.needs.items()))]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]

    def folder(self, root: Path) -> Path:
        """Where its results are, below the study's folder."""
        return root / f"{self.name}-{self.digest}"

    def done(self, root: Path) -> bool:
        """Whether it ended well."""
        return (self.folder(root) / DONE).exists()

    def command(self, root: Path) -> tuple[str, ...]:
        """The command, after ``keyhole``."""
        folder = self.folder(root)
        places = {name: str(step.folder(root)) for name, step in self.needs.items()}
        places |= {"cache": str(root / CACHE), "own": str(folder)}
        told = tuple(argument.format(**places) for argument in self.arguments)
        if self.kind == "folder":
            return (*told, "--out", str(folder))
        kept = ("--out", str(root / PICTURES)) if self.kind == "scores" else ()
        return (*told, *kept, "--json", str(folder / SCORES))

    def gather(self, root: Path) -> None:
        """Link the pictures of `gathered` into its own folder."""
        for step in self.gathered:
            for made in sorted((step.folder(root) / PICTURES).iterdir()):
                link = self.folder(root) / PICTURES / made.name
                if made.is_dir() and not link.exists():
                    link.parent.mkdir(exist_ok=True)
                    link.symlink_to(made, target_is_directory=True)

    def scores(self, root: Path) -> dict[str, Any]:
        """The JSON of its attacks, or its figures."""
        told: dict[str, Any] = json.loads((self.folder(root) / SCORES).read_text(encoding="utf-8"))
        return told

    def card(self, root: Path) -> dict[str, Any]:
        """The card of its training."""
        told: dict[str, Any] = json.loads((self.folder(root) / "card.json").read_text(encoding="utf-8"))
        return told


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps and all that they need, each once and after what it needs."""
    found: dict[str, Step] = {}

    def add(step: Step) -> None:
        for earlier in step.earlier:
            add(earlier)
        found.setdefault(f"{step.name}-{step.digest}", step)

    for step in steps:
        add(step)
    return tuple(found.values())


def keyhole(arguments: Sequence[str], log: Path) -> int:
    """Run a command of Keyhole in a process of its own, with one thread; its output goes to a file."""
    with log.open("ab") as output:
        output.write(f"$ keyhole {shlex.join(arguments)}\n".encode())
        output.flush()
        ended = subprocess.run(
            [sys.executable, "-m", "keyhole", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )
    return ended.returncode


def run_steps(
    steps: Iterable[Step], root: Path, jobs: int, said: Callable[[str], object] = print, run: Run = keyhole
) -> list[Step]:
    """Run what is not done, ``jobs`` steps at a time; return the steps that failed.

    What needs a step that failed is left out. A run that is stopped goes on where it was, because Keyhole's commands
    do.

    Args:
        steps: any order.
        root: the study's folder.
        jobs: steps at a time.
        said: takes a line on every step.
        run: a command and the file for its output, to its exit code.
    """
    every = in_order(steps)
    open_steps = [step for step in every if not step.done(root)]
    said(f"{len(every)} steps, {len(every) - len(open_steps)} of them done")
    failed: list[Step] = []
    running: dict[Future[int], tuple[Step, float]] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while open_steps or running:
            ready = [step for step in open_steps if _ready(step, root)]
            for step in ready[: jobs - len(running)]:
                open_steps.remove(step)
                folder = step.folder(root)
                folder.parent.mkdir(parents=True, exist_ok=True)
                if step.kind != "folder":
                    folder.mkdir(exist_ok=True)
                step.gather(root)
                running[pool.submit(run, step.command(root), folder.with_suffix(".log"))] = step, time.monotonic()
            if not running:
                failed += open_steps
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step, started = running.pop(future)
                if future.result() == 0:
                    (step.folder(root) / DONE).touch()
                    said(f"{step.name}: {time.monotonic() - started:.0f} s")
                else:
                    failed.append(step)
                    said(f"{step.name}: failed, see {step.folder(root).with_suffix('.log')}")
    return failed


def _ready(step: Step, root: Path) -> bool:
    return all(earlier.done(root) for earlier in step.earlier)
