"""Calls in processes that are forks of one that has imported what they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from keyhole.service.errors import UsageError
from keyhole.service.forked import called

HERE = "tests.service.test_forked"


def surroundings() -> tuple[int, str, str, int]:
    return os.getpid(), os.getcwd(), os.environ["KEYHOLE_TEST"], torch.get_num_threads()


def refuses(word: str) -> None:
    raise UsageError(f"no {word}")


def dies() -> None:
    os._exit(7)


def test_a_call_is_made_elsewhere_in_the_folder_and_the_environment_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for word in ("first", "second"):
        monkeypatch.setenv("KEYHOLE_TEST", word)
        (tmp_path / word).mkdir()
        monkeypatch.chdir(tmp_path / word)
        process, folder, told, threads = called(f"{HERE}:surroundings")
        assert (folder, told, threads) == (str(tmp_path / word), word, 3)
        assert process != os.getpid()


def test_what_it_raises_is_raised_here_and_says_where() -> None:
    with pytest.raises(UsageError, match="no such cut") as raised:
        called(f"{HERE}:refuses", "such cut")
    assert 'raise UsageError(f"no {word}")' in raised.value.__notes__[0]


def test_one_that_dies_is_an_error_and_no_wait() -> None:
    with pytest.raises(RuntimeError, match="dies ended with exit code 7"):
        called(f"{HERE}:dies")


def test_who_starts_the_demos_processes_imports_no_torch() -> None:
    script = "import sys; import keyhole.demo.command; print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout == "False\n"
