"""All processes on real sockets, as `keyhole demo` starts them, with a small model."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from keyhole.cli import dispatch
from keyhole.presentation.stages import STAGES, TOTAL
from monitor.history import read_history
from monitor.summary import Summary, summarise
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SIGHT = 30.0
"""Seconds within which an attack scores a frame, if the adversary has seen one at all."""
MODEL = (
    *("--target", "tests.system.tiny_target:tiny", "--cut", "block", "--source", "photos", "--public", "photos"),
    *("--attacks", "pixels-white", "pixels-black"),
)


def keyhole(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keyhole.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def started(*arguments: str, printed: Path) -> Iterator[subprocess.Popen[str]]:
    """A command of Keyhole while it runs; what it prints goes to a file."""
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "keyhole.cli", *arguments],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield process
    finally:
        process.kill()


def child(process: subprocess.Popen[str], name: str) -> int | None:
    """The id of one of its processes, or none while that does not run."""
    running = psutil.Process(process.pid).children(recursive=True)
    return next(
        (one.pid for one in running if f"keyhole {name}".startswith(one.name()) and one.name() != "keyhole"), None
    )


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, dict, str]:
    """A run with an emulated link, TLS and an int8 codec: its folder, its summary, what it printed.

    The edge is halted after a frame for as long as attacks may need, and after another one where they have seen none.
    """
    out = tmp_path_factory.mktemp("demo") / "run"
    summary, printed = out.parent / "summary.json", out.parent / "printed"
    flags = ("--frames", "12", "--fps", "1", "--codec", "int8+zstd", "--link", "wifi", "--tls", "--budget-seconds", "2")
    flags += ("--scores", "l2", "--out", str(out), "--json", str(summary))
    with started("demo", *MODEL, *flags, printed=printed) as process:
        wait_until(lambda: answered(out) >= 1, process, printed)
        while not all_told(out):
            before = answered(out)
            wait_until(lambda before=before: answered(out) > before, process, printed)
            with halted(child(process, "edge")):
                wait_at_most(SIGHT, lambda: all_told(out))
        assert process.wait(PATIENCE) == 0, printed.read_text()
    return out, json.loads(summary.read_text()), printed.read_text()


@contextmanager
def halted(number: int | None) -> Iterator[None]:
    """A process that stands still."""
    assert number
    os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(number, signal.SIGCONT)


def wait_at_most(seconds: float, condition: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


def all_told(out: Path) -> bool:
    return told_of(out) >= {"pixels-white", "pixels-black", "blind"}


def so_far(out: Path) -> Summary | None:
    """What the monitor has stored; none before it is up."""
    return summarise(read_history(out)) if (out / "logs/monitor.json").is_file() else None


def answered(out: Path) -> int:
    found = so_far(out)
    return found.frames_answered if found else 0


def told_of(out: Path) -> set[str]:
    """Attacks that are scored and whose leak can be stated; the blind attacker's is nothing by definition."""
    found = so_far(out)
    return {name for name, row in found.attacks.items() if row.leak or name == "blind"} if found else set()


def test_every_frame_is_accounted_for(finished):
    _, summary, _ = finished
    assert summary["frames_sent"] == 12
    assert summary["frames_answered"] + sum(summary["dropped"].values()) == 12
    assert summary["frames_answered"] >= 10


def test_both_attacks_are_scored(finished):
    _, summary, printed = finished
    assert set(summary["attacks"]) == {"pixels-white", "pixels-black", "blind"}
    assert summary["attacks"]["blind"]["thumbnail"] == "nothing"
    for name, row in summary["attacks"].items():
        assert row["n"] >= 1
        assert -1 <= row["ssim_mean"] <= 1
        assert f"{row['ssim_mean']:.3f}" in printed
        assert f"{row['l2_mean']:.4f}" in printed
        assert name in printed


def test_latency_is_given_by_stage(finished):
    _, summary, _ = finished
    stages = summary["latency_ms"]
    assert list(stages) == [*STAGES, TOTAL]
    assert all(0 <= row["p50"] <= (row["p95"] or row["p50"]) for row in stages.values())
    assert stages["network"]["p50"] > 4, "the emulated link takes time"


def test_pictures_report_and_sheet_are_left(finished):
    out, summary, _ = finished
    scored = [path.parent for path in out.glob("pictures/*/pixels-*.png")]
    assert len(set(scored)) == summary["frames_scored"]
    assert all((folder / "truth.png").is_file() for folder in scored)
    assert (out / "contact-sheet.png").stat().st_size > 1000
    report = (out / "report.html").read_text()
    assert "pixels" in report
    assert not re.findall(r'(?:src|href)="http', report), "the report must be readable without a network"


def test_a_second_run_replaces_the_first_and_nothing_else(tmp_path, capsys):
    (tmp_path / "letters" / "logs").mkdir(parents=True)
    (tmp_path / "letters" / "logs" / "precious.log").write_text("keep")
    assert dispatch(["demo", *MODEL, "--out", str(tmp_path / "letters")], {}) == 2
    assert "nothing in it is changed" in capsys.readouterr().err
    assert (tmp_path / "letters" / "logs" / "precious.log").read_text() == "keep"


def test_a_wrong_flag_ends_the_process_with_its_reason(tmp_path):
    done = keyhole("demo", *MODEL, "--frames", "1", "--out", str(tmp_path / "run"), "--cut", "layer9")
    assert done.returncode == 2
    assert "no point 'layer9'" in done.stderr


def test_live_outlives_its_adversary_runs_until_interrupted_and_leaves_a_report(tmp_path):
    run, printed = tmp_path / "run", tmp_path / "printed"
    flags = ("--page", "127.0.0.1:0", "--out", str(run), "--budget-seconds", "1", "--fps", "2")

    def attacked() -> set[Path]:
        return {path.parent for path in run.glob("pictures/*/pixels-*.png")}

    def page() -> str:
        with urllib.request.urlopen(f"http://{at}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    with started("live", *MODEL, *flags, printed=printed) as process:
        wait_until(attacked, process, printed)
        at = json.loads((run / "logs/monitor.json").read_text())["page"]
        assert "live, " in page()
        adversary = child(process, "adversary")
        assert adversary
        os.kill(adversary, signal.SIGKILL)
        wait_until(lambda: "no adversary, " in page(), process, printed)
        assert "adversary was killed by SIGKILL" in page()
        wait_until(lambda: "live, " in page(), process, printed)
        before = attacked()
        wait_until(lambda: attacked() - before, process, printed)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, printed.read_text()
    told = printed.read_text()
    assert f"http://{at}" in told
    assert "adversary is back" in told
    assert (run / "report.html").is_file()
