from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.database import GroupCommit


class Disk:
    """Takes jobs all together or not at all; slow at first, and never with a bad one."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun = threading.Event()
        self.tried: list[list[int]] = []
        self.kept: list[int] = []

    def write(self, jobs: Sequence[int]) -> None:
        self.tried.append(list(jobs))
        self.begun.set()
        assert self.free.wait(30)
        if any(job < 0 for job in jobs):
            raise ValueError("bad")
        self.kept.extend(jobs)


def ask(commit: GroupCommit[int], job: int) -> bool:
    try:
        commit(job)
    except ValueError:
        return False
    return True


def test_what_comes_while_it_works_goes_together_and_a_bad_one_costs_itself() -> None:
    disk = Disk()
    commit = GroupCommit(disk.write)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(ask, commit, 0)
        assert disk.begun.wait(30)
        others = []
        for number, job in enumerate((1, 2, -3, 4), start=1):
            others.append(threads.submit(ask, commit, job))
            end = time.monotonic() + 30
            while commit.depth < number:
                assert time.monotonic() < end
                time.sleep(0.001)
        assert not first.done(), "answered before it was stored"
        disk.free.set()
        assert [one.result(30) for one in (first, *others)] == [True, True, True, False, True]
    assert disk.tried == [[0], [1, 2, -3, 4], [1], [2], [-3], [4]]
    assert disk.kept == [0, 1, 2, 4]
    assert commit.depth == 0


def test_an_interrupt_is_no_success() -> None:
    def interrupted(_: Sequence[int]) -> None:
        raise KeyboardInterrupt

    commit = GroupCommit(interrupted)
    with pytest.raises(KeyboardInterrupt):
        commit(1)
    assert commit.depth == 0
