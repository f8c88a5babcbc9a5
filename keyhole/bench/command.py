"""``keyhole bench``: plan, measure what is missing, store, sum up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from keyhole.bench.axes import CELL_KINDS, Cell, LatencyCell, plan_cells
from keyhole.bench.estimate import Estimate, Remaining
from keyhole.bench.planfile import merged, read_plan
from keyhole.bench.progress import Board
from keyhole.bench.provenance import facts, fixed
from keyhole.bench.resolving import resolve
from keyhole.bench.running.executor import Executor, Finished, write_files
from keyhole.bench.running.process_pool import ProcessPool
from keyhole.bench.running.ray_cluster import RayCluster
from keyhole.bench.settings import BenchSettings, PlanSettings
from keyhole.bench.setup import Setup
from keyhole.bench.store import BenchStore, open_results
from keyhole.bench.summary import print_plan, print_results
from keyhole.service.errors import UsageError
from keyhole.service.folder import BENCHMARK, alone
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
        found = resolve(merged(settings, file))
        estimate = Estimate.measured(found.terms, found.models, found.attacks)
    cells = plan_cells(found.axes, settings.only or CELL_KINDS)
    remaining = Remaining(estimate, settings.workers)
    print_plan(console, found.axes, cells, remaining)
    if settings.dry_run:
        return 0
    setup = Setup(found.terms, settings.out)
    executor = _executor(settings)
    with alone(settings.out, BENCHMARK), closing(BenchStore(settings.out)) as store:
        store.describe(facts(), fixed(found), found.axes)
        missing = _missing(cells, store, again=settings.rerun == "failed")
        if len(missing) < len(cells):
            console.print(f"{len(cells) - len(missing)} of {len(cells)} cells ended before")
        with _explained(store, len(cells), settings), Board(console, missing, remaining) as board:
            for finished in _finished(missing, setup, executor):
                write_files(setup.run, finished.files)
                store.keep(finished)
                board.ended(finished)
    results = open_results(settings.out)
    print_results(console, results)
    console.print(f"results: {settings.out}")
    if results.failures:
        console.print(f"{len(results.failures)} cells failed; --rerun failed tries them again")
    return 1 if results.failures else 0


@contextmanager
def _explained(store: BenchStore, total: int, settings: BenchSettings) -> Iterator[None]:
    """Let an interruption say what is kept and how to go on."""
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


def _finished(cells: Sequence[Cell], setup: Setup, executor: Executor) -> Iterator[Finished]:
    """Latencies first, alone on this machine; then the others, as many at once as there are workers."""
    timed = [cell for cell in cells if isinstance(cell, LatencyCell)]
    others = [cell for cell in cells if not isinstance(cell, LatencyCell)]
    yield from ProcessPool(1).run(timed, setup)
    if others:
        yield from executor.run(others, setup)
