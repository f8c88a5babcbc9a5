"""A Ray cluster: each cell is a task."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from bench.cells import Cell
from bench.running.attempt import Finished, attempt, died
from bench.setup import Setup
from keyhole.service.errors import UsageError

REACH_SECONDS = 5.0
RETRIES = 3
"""Times that a cell is measured again whose worker or machine died."""


@dataclass(frozen=True)
class Cluster:
    """See `bench.running.attempt.Executor`. Each task asks for as many CPUs as its cell has threads.

    Attributes:
        address: ``auto`` for the cluster that this machine belongs to, else its address.
    """

    address: str

    def run(self, cells: Sequence[Cell], setup: Setup) -> Iterator[Finished]:
        """Each cell as it ends.

        Raises:
            UsageError: Ray is not installed, there is no such cluster, or it went away.
        """
        ray = _ray()
        self._look()
        folder = str(Path.cwd())
        paths = os.pathsep.join(part for part in (folder, os.environ.get("PYTHONPATH", "")) if part)
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(setup.terms.threads)}},
            )
        except (ConnectionError, ValueError) as error:
            raise self._away(error) from error
        try:
            task = ray.remote(num_cpus=setup.terms.threads, max_retries=RETRIES)(attempt)
            under_way = {task.remote(cell, setup, folder): cell for cell in cells}
            while under_way:
                (done, *_), _ = ray.wait(list(under_way), num_returns=1)
                cell = under_way.pop(done)
                try:
                    yield ray.get(done)
                except (
                    ray.exceptions.WorkerCrashedError,
                    ray.exceptions.NodeDiedError,
                    ray.exceptions.OutOfMemoryError,
                ):
                    yield died(cell)
                except ray.exceptions.RayError as error:
                    raise UsageError(
                        f"--ray {self.address}: the cluster was lost ({error}); what it measured is stored, and the "
                        "same command goes on"
                    ) from error
        finally:
            ray.shutdown()

    def _look(self) -> None:
        """Ray itself waits for minutes where nothing answers, and then ends the process."""
        host, _, port = self.address.rpartition("://")[2].rpartition(":")
        if not port.isdecimal():
            return
        try:
            socket.create_connection((host, int(port)), REACH_SECONDS).close()
        except OSError as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> UsageError:
        return UsageError(
            f"--ray {self.address}: no cluster there ({error}); `ray start --head` starts one on this machine"
        )


def _ray() -> ModuleType:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(
            f"--ray needs Ray, which is not installed ({error}): pip install 'keyhole[ray]', on every machine"
        ) from error
