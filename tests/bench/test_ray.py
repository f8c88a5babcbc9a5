"""Cells on a local Ray cluster of two workers, one of which is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.bench.running import ROOT, TINY, children, finish, rows, start

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def cluster(monkeypatch):
    """The address of a cluster with two CPUs."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))))
    monkeypatch.setenv("RAY_worker_niceness", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield made.address
    made.shutdown()


def workers() -> set[int]:
    """Processes of this cluster that run a cell."""
    found = set()
    for pid in children(os.getpid()):
        try:
            command = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(b"ray::attempt"):
            found.add(pid)
    return found


def test_a_worker_that_is_killed_loses_nothing(cluster, tmp_path):
    run = tmp_path / "run"
    process = start(
        *("--targets", f"{TINY}@stem,block", "--defences", "none", "dropout:share=0.5", "--codecs", "int8"),
        *("--links", "none", "--attacks", "pixels-white", "--source", "leaves", "--public", "leaves"),
        *("--only", "leak", "profile", "--ray", cluster, "--out", str(run)),
    )
    deadline = time.monotonic() + 600
    while not (found := workers()) or not rows(run):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(found.pop(), signal.SIGKILL)
    code, printed = finish(process)
    assert code == 0, printed
    ended = rows(run)
    assert len(ended) == 6 + 1 + 5
    assert not any(error for _, error in ended.values())


def test_a_cluster_that_is_not_there(tmp_path):
    code, printed = finish(
        start(
            *("--targets", f"{TINY}@block", "--source", "leaves", "--public", "leaves", "--only", "profile"),
            *("--ray", "127.0.0.1:1", "--out", str(tmp_path / "run")),
        )
    )
    assert code == 2, printed
    assert "ray start --head" in printed
