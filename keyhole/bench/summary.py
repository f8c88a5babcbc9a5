"""The table that a benchmark ends with: what each design costs, and what it shows, on a terminal of 80 columns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from keyhole.bench.advice.options import Option, options
from keyhole.bench.advice.training import training_leak, training_text
from keyhole.bench.records import EDGE_ONLY, Design
from keyhole.bench.results import Results
from keyhole.evaluation.evidence import needed_text
from keyhole.judge.legibility import SECRETS
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.targets.target import NO_DEFENCE

_FAILURES_SHOWN = 20
_MISSING = "–"


def print_results(console: Console, results: Results) -> None:
    """A table for each target, how few pictures are behind them, and cells that failed.

    A row has what the strongest attack shows of a design's pictures, the p50 over each link, one below the other, and
    the accuracy. The last row has what is shown by who has seen nothing.
    """
    made = options(results)
    for target in results.targets:
        console.print(_table(target, [option for option in made if option.design.target == target], results))
        whole = (record for record in results.training_sets if record.design == Design(target, EDGE_ONLY, codec="none"))
        if shown := training_leak(whole):
            console.print(f"Whoever holds the classifier: {training_text(shown)}.")
    thin = [found for option in made if (found := option.exposure.get(HEADLINE)) and found.thin]
    if thin:
        pictures, seeds = (min(getattr(found, what) for found in thin) for what in ("pictures", "seeds"))
        console.print(
            f"Pictures behind a leak: {pictures} at least, seeds: {seeds}; a conclusion needs {needed_text()}.",
            style="italic",
        )
    for failure in results.failures[:_FAILURES_SHOWN]:
        console.print(f"failed: {failure.cell}\n    {failure.error.splitlines()[0]}", style="red")
    if len(results.failures) > _FAILURES_SHOWN:
        console.print(f"… and {len(results.failures) - _FAILURES_SHOWN} more", style="red")


def _table(target: str, made: Sequence[Option], results: Results) -> Table:
    table = Table(title=_title(target, made), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("cut, codec,\ndefence", overflow="fold")
    for heading in ("read, %", "thumbnail", "SSIM", "p50, ms", "acc., %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for option in made:
        accuracy = option.accuracy
        timed = [f"{link} {_number(option.p50(link), 1)}".lstrip() for link in results.links if option.p50(link)]
        table.add_row(
            _design(option.design),
            _read(option),
            option.thumbnail.brief if option.thumbnail else "nothing" if option.alone else _MISSING,
            _number(option.leak(), 3),
            "\n".join(timed) or _MISSING,
            _number(accuracy.value if accuracy else None, 1),
        )
    for scale in results.scales:
        if scale.design.target == target and (floor := scale.floor(HEADLINE)):
            blind = _number(statistics.fmean(floor.scores[HEADLINE]), 3)
            table.add_row("blind", "", "nothing", blind, "", "")
    return table


def _design(design: Design) -> str:
    """Cut, codec and defence, without those that a design does not have; a defence has a line of its own."""
    first = ", ".join(part for part in (design.cut, design.codec) if part != NO_DEFENCE)
    return first if design.defence == NO_DEFENCE else f"{first}\n{design.defence}"


def _title(target: str, made: Sequence[Option]) -> str:
    """Of a table; it says which attack the strongest is where there was no other."""
    attacks = {attack for option in made if option.splits for attack in option.attacks}
    seen = f"{attacks.pop()}, the only attack, shows" if len(attacks) == 1 else "the strongest attack shows"
    return f"{target}: what each design costs, and what {seen} of its pictures"


def _read(option: Option) -> str:
    """What the judge read better than by guessing, in percent, one secret below the other."""
    if option.alone:
        return "nothing"
    better = {name: found for name, found in option.secrets.items() if not found.share.as_by_guessing}
    lines = [f"{name.partition(' ')[0]} {100 * better[name].mean:.0f}" for name in SECRETS if name in better]
    return "\n".join(lines) or ("as guessed" if option.secrets else _MISSING)


def _number(value: float | None, digits: int) -> str:
    return _MISSING if value is None else f"{value:.{digits}f}"
