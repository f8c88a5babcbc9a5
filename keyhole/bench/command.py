"""``keyhole bench``: plan, measure what is missing, store, sum up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from keyhole.bench.axes import CELL_KINDS, Axes, Cell, LatencyCell, plan_cells
from keyhole.bench.class_plan import unattacked
from keyhole.bench.executor import Executor, Finished, ProcessPool, write_files
from keyhole.bench.forecast import CostForecast, RemainingTime, SweepProgress, duration_text
from keyhole.bench.measure.accuracy import check_measurable
from keyhole.bench.plan import SweepPlan, merged, read_plan, resolve
from keyhole.bench.provenance import facts, fixed, plan_facts
from keyhole.bench.ray_cluster import RayCluster
from keyhole.bench.settings import BenchSettings, PlanSettings
from keyhole.bench.store import BenchStore, open_results
from keyhole.bench.summary import print_results
from keyhole.bench.sweep import Sweep
from keyhole.service.errors import UsageError
from keyhole.service.files import BENCHMARK, alone
from keyhole.terminal import terminal


def bench(settings: BenchSettings) -> int:
    """Measure every cell that the run has not; returns 1 where one failed.

    Raises:
        UsageError: a setting is wrong, a name is unknown, the run's folder holds figures that do not compare, or
            another benchmark writes to it.
        FileNotFoundError: no such pictures.
    """
    if settings.workers < 1:
        raise UsageError(f"--workers {settings.workers}: expected 1 or more")
    console = terminal()
    file = read_plan(settings.plan) if settings.plan else PlanSettings()
    with console.status("looking up targets and cuts"):
        plan = resolve(merged(settings, file))
        forecast = CostForecast.measured(plan)
    if "training-set" in settings.only and not plan.inversion:
        raise UsageError("--only training-set: give --training-set the attacks, as `keyhole invert` has them")
    cells = plan_cells(plan.axes, settings.only or CELL_KINDS)
    remaining = RemainingTime(forecast, settings.workers)
    print_plan(console, plan.axes, cells, remaining)
    if plan.inversion:
        for sentence in unattacked(tuple(plan.models), plan.axes.class_targets):
            console.print(sentence, soft_wrap=True)
    sweep = Sweep(plan.settings, settings.out, plan.metrics, plan.private, plan.inversion)
    if any(cell.kind == "accuracy" for cell in cells):
        for sentence in unmeasured(plan, sweep):
            console.print(sentence, soft_wrap=True)
    if settings.dry_run:
        return 0
    executor = _executor(settings)
    with alone(settings.out, BENCHMARK), closing(BenchStore(settings.out)) as store:
        store.describe(facts(), fixed(plan), plan.axes)
        missing = _missing(cells, store, again=settings.rerun == "failed")
        if len(missing) < len(cells):
            console.print(f"{len(cells) - len(missing)} of {len(cells)} cells ended before")
        with (
            _interruption_explained(store, len(cells), settings),
            SweepProgress(console, missing, remaining) as progress,
        ):
            for finished in _finished(missing, sweep, executor):
                write_files(sweep.folder, finished.files)
                store.keep(finished)
                progress.ended(finished)
    results = open_results(settings.out)
    print_results(console, results)
    console.print(f"results: {settings.out}")
    if any(latency.load and latency.load.heavy for latency in results.latencies):
        console.print(f"latencies under load: {results.provenance['load']}; another --out on an idle machine tells")
    unscored = [
        name for name in plan.metrics if any(name not in {**leak.scores, **leak.sets} for leak in results.leaks)
    ]
    if unscored:
        console.print(
            f"cells of an earlier start were not scored by {', '.join(unscored)}; give another --out for that"
        )
    if results.failures:
        console.print(f"{len(results.failures)} cells failed; --rerun failed tries them again")
    return 1 if results.failures else 0


def unmeasured(plan: SweepPlan, sweep: Sweep) -> Iterator[str]:
    """A sentence on each target whose accuracy cannot be measured, before anything is."""
    for name, known in plan.models.items():
        try:
            check_measurable(name, known, sweep)
        except UsageError as error:
            yield f"accuracy: those cells will fail: {error}"


@contextmanager
def _interruption_explained(store: BenchStore, total: int, settings: BenchSettings) -> Iterator[None]:
    """An interruption says what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        kept = f"{len(store.cells())} of {total} cells are kept in {settings.out}"
        raise KeyboardInterrupt(
            f"stopped; {kept}, and the same command goes on with the others (keyhole bench-report {settings.out} shows "
            "what there is)"
        ) from None


def _missing(cells: Sequence[Cell], store: BenchStore, *, again: bool) -> list[Cell]:
    """Cells that the run has not, and those that failed where they are to be tried again."""
    ended = {row.name for row in store.cells() if row.record is not None or not again}
    return [cell for cell in cells if cell.name not in ended]


def _executor(settings: BenchSettings) -> Executor:
    """Who measures all but latencies; a cluster is joined for a moment, since its turn may come hours later."""
    if not settings.ray:
        return ProcessPool(settings.workers)
    cluster = RayCluster.at(settings.ray)
    cluster.check()
    return cluster


def _finished(cells: Sequence[Cell], sweep: Sweep, executor: Executor) -> Iterator[Finished]:
    """Latencies first, alone on this machine; then the others, as many at once as there are workers."""
    timed = [cell for cell in cells if isinstance(cell, LatencyCell)]
    others = [cell for cell in cells if not isinstance(cell, LatencyCell)]
    yield from ProcessPool(1).run(timed, sweep)
    if others:
        yield from executor.run(others, sweep)


def print_plan(console: Console, axes: Axes, cells: Sequence[Cell], remaining: RemainingTime) -> None:
    """The axes, the cells by kind, and a guess of the time."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    for name, value in plan_facts(axes).items():
        grid.add_row(name, value)
    console.print(grid)
    table = Table("cells", "number", "about", box=SIMPLE_HEAD)
    counts = Counter(cell.kind for cell in cells)
    for kind in CELL_KINDS:
        if counts[kind]:
            seconds = remaining.seconds(cell for cell in cells if cell.kind == kind)
            table.add_row(kind, str(counts[kind]), duration_text(seconds))
    table.add_row("all", str(len(cells)), duration_text(remaining.seconds(cells)), style="bold")
    console.print(table)
