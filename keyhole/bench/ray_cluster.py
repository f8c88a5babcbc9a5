"""Execution of cells as tasks of a Ray cluster."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rich.prompt import Confirm
from rich.text import Text

from keyhole.bench.axes import Cell
from keyhole.bench.executor import Finished, attempt, died
from keyhole.bench.sweep import Sweep
from keyhole.service.errors import UsageError
from keyhole.terminal import terminal

AUTO = "auto"
REACH_SECONDS = 5.0
RETRIES = 3
"""Times that a cell is measured again whose worker or machine died."""


@dataclass(frozen=True)
class RayCluster:
    """An `Executor` whose tasks run on the cluster's machines. Each task asks for as many CPUs as its cell has threads.

    Attributes:
        address: of the cluster.
    """

    address: str

    @classmethod
    def at(cls, address: str) -> RayCluster:
        """The cluster that ``--ray`` means. Where ``auto`` finds one, the user is asked whether to join it.

        Args:
            address: of a cluster; ``auto``: the one that this machine belongs to.

        Raises:
            UsageError: Ray is not installed, ``auto`` finds no cluster, or the user does not agree to join it.
        """
        _ray()
        if address != AUTO:
            return cls(address)
        found = _of_this_machine()
        question = f"--ray auto: join the Ray cluster at {found}?"
        if sys.stdin.isatty() and Confirm.ask(Text(question), console=terminal(stderr=True), default=False):
            return cls(found)
        raise UsageError(f"{question} Give --ray {found} to do so")

    def check(self) -> None:
        """Join the cluster for a moment.

        Raises:
            UsageError: there is no such cluster, or it refuses this machine's token.
        """
        ray = _ray()
        self._join(ray)
        ray.shutdown()

    def run(self, cells: Sequence[Cell], sweep: Sweep) -> Iterator[Finished]:
        """Each cell as it ends.

        Raises:
            UsageError: see `check`; or the cluster went away.
        """
        ray = _ray()
        folder = str(Path.cwd())
        paths = os.pathsep.join(part for part in (folder, os.environ.get("PYTHONPATH", "")) if part)
        threads = str(sweep.settings.threads)
        self._join(ray, runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": threads}})
        try:
            task = ray.remote(num_cpus=sweep.settings.threads, max_retries=RETRIES)(attempt)
            under_way = {task.remote(cell, sweep, folder): cell for cell in cells}
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

    def _join(self, ray: ModuleType, **options: object) -> None:
        self._look()
        refused = getattr(ray.exceptions, "AuthenticationError", ())
        try:
            ray.init(address=self.address, log_to_driver=False, **options)
        except refused as error:
            raise UsageError(
                f"--ray {self.address}: the cluster refuses this machine's token ({error}); give the cluster's in "
                "RAY_AUTH_TOKEN, or its file in RAY_AUTH_TOKEN_PATH, with RAY_AUTH_MODE=token"
            ) from error
        except (ConnectionError, ValueError) as error:
            raise self._away(error) from error

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


def _of_this_machine() -> str:
    """The cluster's address: from Ray's environment, or as `ray start` left it on this machine."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named not in ("", AUTO):
        return named
    left = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster")
    try:
        return left.read_text().strip()
    except OSError as error:
        raise UsageError(
            f"--ray auto: no cluster that this machine belongs to (no RAY_ADDRESS, no {left}); `ray start --head` "
            "starts one"
        ) from error


def _ray() -> ModuleType:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(
            f"--ray needs Ray, which is not installed ({error}): pip install 'keyhole[ray]', on every machine"
        ) from error
