"""Proof that a file answers as its half does, by a process without Keyhole that has read it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from keyhole.export.half import ExportError, Half
from keyhole.export.settings import FormatName
from keyhole.partition import as_tuple


@dataclass(frozen=True)
class Likeness:
    """How alike two answers are.

    Attributes:
        exact: whether they are equal to the bit.
        difference: the greatest one, as a share of the greatest number of its tensor.
    """

    exact: bool
    difference: float

    def __str__(self) -> str:
        return "to the bit" if self.exact else f"within {self.difference:.1g} of the largest"


def compare(file: Path, name: FormatName, half: Half) -> Likeness:
    """How alike the answers of a file are to those of its half, on the trials of the half.

    Raises:
        ExportError: the file cannot be run without Keyhole, or answers in another form.
    """
    script = Path(__file__).with_name(f"alone_{name}.py")
    with TemporaryDirectory() as folder:
        inputs, answers = Path(folder) / "inputs.npz", Path(folder) / "answers.npz"
        given = {
            f"{trial}.{place}": tensor.numpy()
            for trial, tensors in enumerate(half.trials)
            for place, tensor in enumerate(as_tuple(tensors))
        }
        np.savez(inputs, **given)  # type: ignore[arg-type]
        # -P: the script's folder is Keyhole's, and no place to import from
        command = [sys.executable, "-P", str(script), str(file), str(inputs), str(answers)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            said = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
            raise ExportError(f"the {half.part} as {name} cannot be run without Keyhole: {said[-1]}")
        with np.load(answers) as found:
            theirs = {key: found[key] for key in found}
    ours = {
        f"{trial}.{place}": tensor.numpy()
        for trial, tensors in enumerate(half.trials)
        for place, tensor in enumerate(half.answers(tensors))
    }
    return likeness(ours, theirs)


def likeness(ours: dict[str, NDArray[np.generic]], theirs: dict[str, NDArray[np.generic]]) -> Likeness:
    """How alike arrays are to those of the same names.

    Raises:
        ExportError: their names, shapes or types differ.
    """
    forms = [{key: (each.shape, str(each.dtype)) for key, each in some.items()} for some in (ours, theirs)]
    if forms[0] != forms[1]:
        raise ExportError(f"the file answers with {forms[1]}, expected {forms[0]}")
    exact = all(ours[key].tobytes() == theirs[key].tobytes() for key in ours)
    return Likeness(exact, max(_difference(ours[key], theirs[key]) for key in ours))


def _difference(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> float:
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    apart = float(np.abs(left - right).max(initial=0))
    largest = float(np.abs(left).max(initial=0))
    return apart / largest if apart and largest else apart
