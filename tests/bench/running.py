"""`keyhole bench`, as a process of its own or in this one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from keyhole.cli import dispatch

ROOT = Path(__file__).parents[2]
TINY = "tests.system.tiny_target:tiny"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "keyhole.cli", "bench", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200", **environment},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it printed."""
    printed, _ = process.communicate(timeout=800)
    return process.returncode, printed


def bench(*arguments: str, **environment: str) -> tuple[int, str]:
    """The command from start to end."""
    return finish(start(*arguments, **environment))


def bench_here(*arguments: str) -> tuple[int, str]:
    """The command in this process, whose libraries are loaded; cells are measured in processes of their own."""
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        return dispatch(["bench", *arguments], os.environ), printed.getvalue()


def rows(run: Path) -> dict[str, tuple[float, str]]:
    """When each cell ended, and its error."""
    if not (run / "bench.sqlite").exists():
        return {}
    with sqlite3.connect(run / "bench.sqlite", timeout=30) as database:
        tables = database.execute("select name from sqlite_master where name = 'cells'").fetchall()
        return {n: (at, e) for n, at, e in database.execute("select name, at, error from cells")} if tables else {}


def children(pid: int) -> set[int]:
    """Processes that were started by a process, and by those."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            child, parent = int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found |= {child} | children(child)
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
