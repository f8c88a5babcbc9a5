"""Runs that are killed, cells that fail, processes that die."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from keyhole.bench.records import CLOUD_ONLY
from keyhole.bench.store import open_results
from tests.bench.running import TINY, alive, bench, children, finish, rows, start
from tests.bench.targets import MOOD

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc"),
    pytest.mark.timeout(900),
]
PLAN = ("--source", "leaves", "--public", "leaves", "--codecs", "int8", "--links", "none")


def test_a_run_that_is_killed_leaves_no_process_and_goes_on_where_it_was(tmp_path):
    run = tmp_path / "run"
    plan = (
        *("--targets", f"{TINY}@stem,block", "--defences", "none", "topk:share=0.5", "dropout:share=0.5", *PLAN),
        *("--attacks", "pixels-white", "--only", "profile", "leak", "--out", str(run)),
    )
    process = start(*plan)
    deadline = time.monotonic() + 400
    while not any(name.startswith("leak") for name in rows(run)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = rows(run)
    assert started
    assert len(before) < 8 + 1 + 7

    code, printed = bench(*plan)
    assert code == 0, printed
    after = rows(run)
    assert len(after) == 8 + 1 + 7
    assert {name: after[name] for name in before} == before, "what was measured is not measured again"
    assert f"{len(before)} of 16 cells ended before" in printed
    assert not any(map(alive, started))

    found = open_results(run)
    assert all((run / leak.sheet).is_file() for leak in found.leaks if leak.sheet)
    assert {(leak.design.cut, leak.design.defence) for leak in found.leaks} == {
        *((cut, defence) for cut in ("stem", "block") for defence in ("none", "topk:share=0.5", "dropout:share=0.5")),
        (CLOUD_ONLY, "none"),
    }


def test_a_run_that_is_interrupted_says_what_is_kept_and_how_to_go_on(tmp_path):
    run = tmp_path / "run"
    plan = ("--targets", f"{TINY}@stem,block", *PLAN, "--attacks", "pixels-white", "--only", "profile", "leak")
    process = start(*plan, "--out", str(run))
    deadline = time.monotonic() + 400
    while not rows(run):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed = " ".join(process.communicate(timeout=200)[0].split())
    assert process.returncode == 130, printed
    assert f"{len(rows(run))} of 8 cells are kept in {run}, and the same command goes on" in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_a_cell_that_fails_is_recorded_and_tried_again_only_when_told(tmp_path):
    run, mood = tmp_path / "run", tmp_path / "mood"
    moody = "tests.bench.targets:moody"
    plan = ("--targets", f"{moody}@block", f"{TINY}@block", *PLAN, "--only", "profile", "--out", str(run))
    code, printed = bench(*plan, **{MOOD: str(mood)})
    assert code == 1
    assert "not in the mood" in printed
    errors = {name: error for name, (_, error) in rows(run).items() if error}
    assert {name.split(" | ")[1] for name in errors} == {moody}
    assert len(errors) == 3
    assert all(
        error.startswith("RuntimeError: not in the mood\n") and "Traceback" in error for error in errors.values()
    )

    mood.touch()
    before = rows(run)
    code, _ = bench(*plan, **{MOOD: str(mood)})
    assert code == 1
    assert rows(run) == before
    code, printed = bench(*plan, "--rerun", "failed", **{MOOD: str(mood)})
    assert code == 0, printed
    after = rows(run)
    assert not any(error for _, error in after.values())
    assert {name for name in after if after[name] == before[name]} == set(before) - set(errors)


@pytest.mark.slow
def test_a_process_that_dies_takes_no_other_cell_with_it(tmp_path):
    run, deadly = tmp_path / "run", "tests.bench.targets:deadly"
    code, printed = finish(
        start(
            *("--targets", f"{deadly}@block", f"{TINY}@stem,block", *PLAN),
            *("--only", "profile", "--workers", "2", "--out", str(run)),
        )
    )
    assert code == 1, printed
    ended = rows(run)
    assert len(ended) == 7
    for name, (_, error) in ended.items():
        assert bool(error) == (deadly in name), error
    assert "the process that measured it ended" in printed
