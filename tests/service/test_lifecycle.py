"""Processes that are started, signalled and watched from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import FAILED, LEFT_ALONE, OK, USAGE, Stop, run
from tests.waiting import PATIENCE

SCRIPT = """
import sys, time
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import run

def body(stop):
    print("up", flush=True)
    {body}

code = run("edge", body, "text", drain={drain})
{after}
sys.exit(code)
"""


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    def start(body: str, *prefix: str, drain: float = 60.0, after: str = "") -> subprocess.Popen[str]:
        path = tmp_path / "process.py"
        path.write_text(SCRIPT.format(body=body, drain=drain, after=after))
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        child = subprocess.Popen([*prefix, sys.executable, str(path)], **pipes, text=True)
        assert child.stdout
        assert child.stdout.readline() == "up\n"
        return child

    return start


Start = Callable[..., subprocess.Popen[str]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, LEFT_ALONE])
def test_a_signal_ends_the_process_cleanly(process: Start, number: int) -> None:
    child = process("stop.wait()")
    child.send_signal(number)
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == OK
    assert f"stopping signal={signal.Signals(number).name}" in log
    assert log.endswith("INFO edge: stopped\n")


def test_a_signal_that_another_thread_receives_ends_the_process_too(process: Start) -> None:
    child = process(
        "import signal, threading; thread = threading.Thread(target=time.sleep, args=(60,), daemon=True); "
        "thread.start(); threading.Timer(0.2, signal.pthread_kill, (thread.ident, signal.SIGTERM)).start(); stop.wait()"
    )
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == OK
    assert "stopping signal=SIGTERM" in log


def test_a_signal_may_come_while_the_main_thread_holds_the_lock_of_its_stop(process: Start) -> None:
    child = process(
        "import os, signal\n    with stop._cond: os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2)\n    stop.wait()"
    )
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == OK
    assert "stopping signal=SIGTERM" in log


def test_a_process_that_does_not_drain_is_ended(process: Start) -> None:
    child = process("time.sleep(60)", drain=1.0)
    child.terminate()
    started = time.monotonic()
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == FAILED
    assert time.monotonic() - started < 10
    assert 'ended by force reason="not drained within 1 s"' in log


def test_a_second_signal_ends_the_process_at_once(process: Start) -> None:
    child = process("stop.wait(); print('draining', flush=True); time.sleep(60)")
    child.terminate()
    assert child.stdout
    assert child.stdout.readline() == "draining\n"
    child.terminate()
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == FAILED
    assert 'reason="second signal"' in log


@pytest.mark.parametrize("number", [signal.SIGHUP, LEFT_ALONE])
def test_a_process_that_stops_is_not_hurried_by_the_end_of_the_one_that_started_it(process: Start, number: int) -> None:
    child = process("stop.wait(); print('draining', flush=True); sys.stdin.readline()")
    child.terminate()
    assert child.stdout
    assert child.stdout.readline() == "draining\n"
    child.send_signal(number)
    _, log = child.communicate("drained\n", timeout=PATIENCE)
    assert child.returncode == OK, log


@pytest.mark.parametrize("number", [signal.SIGHUP, LEFT_ALONE])
def test_nor_is_what_it_does_once_it_has_drained(process: Start, number: int) -> None:
    child = process("stop.wait()", after="print('writing', flush=True); sys.stdin.readline(); print('written')")
    child.terminate()
    assert child.stdout
    assert child.stdout.readline() == "writing\n"
    child.send_signal(number)
    printed, _ = child.communicate("go on\n", timeout=PATIENCE)
    assert (child.returncode, printed) == (OK, "written\n")


def test_hanging_up_is_ignored_where_it_was_ignored_before(process: Start) -> None:
    child = process("stop.wait()", "nohup")
    child.send_signal(signal.SIGHUP)
    child.terminate()
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == OK
    assert "signal=SIGTERM" in log


def test_a_failure_is_one_line(process: Start) -> None:
    child = process("raise OSError('the disk is full')")
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == FAILED
    assert "ERROR edge: OSError: the disk is full\nTraceback" in log


def test_a_wrong_argument_is_another_exit_code(process: Start) -> None:
    child = process("raise UsageError('cut layr2: did you mean layer2?')")
    _, log = child.communicate(timeout=PATIENCE)
    assert child.returncode == USAGE
    assert log.endswith("ERROR edge: cut layr2: did you mean layer2?\n")


def test_the_traceback_of_a_wrong_argument_is_for_debugging(process: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYHOLE_LOG_LEVEL", "debug")
    _, log = process("raise UsageError('cut layr2: did you mean layer2?')").communicate(timeout=PATIENCE)
    assert "Traceback" in log


def test_run_works_outside_the_main_thread() -> None:
    codes: list[int] = []

    def fails(_stop: Stop) -> None:
        raise UsageError("no")

    thread = threading.Thread(target=lambda: codes.extend([run("a", lambda stop: stop.set()), run("a", fails)]))
    thread.start()
    thread.join(PATIENCE)
    assert codes == [OK, USAGE]


def test_stop_is_seen_by_those_who_wait() -> None:
    stop = Stop()
    assert not stop.is_set()
    assert not stop.wait(0.01)
    threading.Timer(0.05, stop.set).start()
    assert stop.wait(PATIENCE)
    assert stop.is_set()
