"""The run of the tests itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KILLED = """
import os, signal
def test_killed(): os.kill(os.getpid(), signal.SIGKILL)
def test_after(): pass
"""


def test_a_run_ends_and_fails_when_a_process_of_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "test_killed.py").write_text(KILLED)
    for name in ("a", "b", "c"):
        (tmp_path / f"test_{name}.py").write_text("def test_passes(): pass\n")
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run(
        [*command, "--numprocesses", "2", "--dist", "loadfile"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "crashed while running 'test_killed.py::test_killed'" in ended.stdout
    assert "1 failed" in ended.stdout
