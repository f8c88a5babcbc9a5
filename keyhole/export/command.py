"""`keyhole export`: halves of a split model as files that run without Keyhole."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

from keyhole.export.facts import facts_of
from keyhole.export.formats import FORMATS, check_packages, program_of
from keyhole.export.half import ExportError, Half, half_of
from keyhole.export.proof import Likeness, compare
from keyhole.export.settings import ExportSettings, FormatName, Part
from keyhole.partition import partitioned
from keyhole.terminal import terminal

_STRANGE = re.compile(r"[^\w.-]+")


def export(settings: ExportSettings) -> int:
    """Write the files, each once a process without Keyhole has answered alike with it, and print a line about each.

    Raises:
        UsageError: settings that contradict one another.
        ExportError: a package is missing, a file is there already, or a half cannot be exported.
        TargetError: no such target or weights.
        CutError: no such cut.
    """
    settings.check()
    for name in settings.formats:
        check_packages(name)
    target, partition = partitioned(settings)
    stem = f"{_STRANGE.sub('-', Path(target.name).name).strip('-')}-{partition.plan.cut}"
    wanted = {(part, name): settings.out / f"{stem}-{part}.{name}" for part, name in _wanted(settings)}
    taken = [path for path in wanted.values() if path.exists()]
    if taken and not settings.force:
        raise ExportError(f"{taken[0]} is there already: --force replaces it, --out names another folder")
    halves = {part: half_of(target, partition, part) for part in settings.parts}
    progress = terminal(stderr=True)
    for part, half in halves.items():
        progress.print(f"following the {part} of {target.name} at {partition.plan.cut}")
        program, facts = program_of(half), facts_of(target, half)
        for name in dict.fromkeys(settings.formats):
            progress.print(f"writing and reading again {wanted[part, name]}")
            path = wanted[part, name]
            unproven = path.with_suffix(f".part.{name}")
            written = FORMATS[name].write(program, half, facts)
            settings.out.mkdir(parents=True, exist_ok=True)
            unproven.write_bytes(written)
            try:
                alike = compare(unproven, name, half)
                _check(alike, part, name)
                unproven.replace(path)
            finally:
                unproven.unlink(missing_ok=True)
            terminal().print(_line(path, half, alike), soft_wrap=True)
    return 0


def _wanted(settings: ExportSettings) -> list[tuple[Part, FormatName]]:
    return list(product(dict.fromkeys(settings.parts), dict.fromkeys(settings.formats)))


def _line(path: Path, half: Half, alike: Likeness) -> str:
    ports = (", ".join(f"{port.name} {_shape(port.shape)}" for port in some) for some in (half.inputs, half.outputs))
    return f"{path}: {path.stat().st_size / 2**20:.2f} MiB, {' to '.join(ports)}; without Keyhole equal {alike}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(("N", *map(str, shape)))


def _check(alike: Likeness, part: Part, name: FormatName) -> None:
    most = FORMATS[name].tolerance
    if not (alike.exact or alike.difference <= most):
        raise ExportError(
            f"the {part} as {name} answers otherwise when it is read again: by {alike.difference:.1g} of the largest "
            f"number, where {most:g} is rounding. No file is left"
        )
