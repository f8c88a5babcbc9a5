"""How a run ends: what is shown, whatever one process's end was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from keyhole.demo import run as module
from keyhole.demo.run import Run
from keyhole.demo.settings import DemoSettings
from keyhole.service.errors import UsageError
from keyhole.service.folder import MARK, RUN, alone
from keyhole.service.launcher import Launcher, StoppedError

SUMMARY = (
    '{"frames_sent": 10, "frames_answered": 10, "frames_scored": 7, "dropped": {}, "latency_ms": {},'
    '"attacks": {"pixels-white": {"n": 7, "psnr_mean": 20.0, "ssim_mean": 0.5}}}'
)
BEGINS = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print('up', flush=True); "
WAITS = "import signal, sys; signal.sigwait([signal.SIGTERM]); "
CLEAN, FAILS = WAITS + "sys.exit(0)", WAITS + "print('ended by force'); sys.exit(1)"
REPORTS = WAITS + f"open(sys.argv[1] + '/summary.json', 'w').write('''{SUMMARY}'''); sys.exit(0)"


@pytest.fixture
def performed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A run whose processes are scripts, and whose edge has ended."""

    def perform(follow: Callable[[Run], None] = lambda _: None, **scripts: str) -> Run:
        out = tmp_path / "run"

        class Scripts:
            def __init__(self, _settings: DemoSettings, _frames: int, launcher: Launcher) -> None:
                self.launcher, self.tls = launcher, None
                self.places = {"monitor": {"truth": "127.0.0.1:1"}}

            def start(self) -> None:
                self.launcher.logs.mkdir(parents=True)
                for name, script in scripts.items():
                    with (self.launcher.logs / f"{name}.log").open("wb") as log:
                        self.launcher.running[name] = subprocess.Popen(
                            [sys.executable, "-c", BEGINS + script, str(out)],
                            stdout=log,
                        )
                for name in scripts:
                    while "up" not in self.launcher.tail(name):
                        pass

        monkeypatch.setattr(module, "System", Scripts)
        run = Run(DemoSettings(out=out), 10, ())
        run.perform(lambda *_: follow(run))
        return run

    return perform


def test_a_clean_end_shows_the_summary(performed: Callable[..., Run], capsys: pytest.CaptureFixture[str]) -> None:
    run = performed(edge=CLEAN, adversary=CLEAN, monitor=REPORTS)
    assert not run.failures
    assert run.reported
    assert "10 frames sent, 10 answered, 0 dropped, 7 attacked" in capsys.readouterr().out


def test_so_does_one_whose_adversary_ended_by_force(
    performed: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = performed(edge=CLEAN, adversary=FAILS, monitor=REPORTS)
    printed = capsys.readouterr().out
    assert len(run.failures) == 1
    assert "adversary ended with exit code 1" in printed
    assert "ended by force" in printed
    assert "10 frames sent, 10 answered, 0 dropped, 7 attacked" in printed


def test_without_a_report_it_is_said_how_to_make_one(
    performed: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = performed(edge=CLEAN, monitor=FAILS)
    assert not run.reported
    assert "keyhole report" in capsys.readouterr().out


def test_a_run_that_is_told_to_stop_ends_as_any_other(
    performed: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(run: Run) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert run.stop.wait(20)
        raise StoppedError

    run = performed(interrupted, edge=CLEAN, monitor=REPORTS)
    assert not run.failures
    assert "7 attacked" in capsys.readouterr().out


def test_a_second_signal_ends_all_at_once(performed: Callable[..., Run]) -> None:
    def interrupted(_run: Run) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        performed(interrupted, edge=WAITS + "signal.pause()", monitor=REPORTS)


def test_the_folder_is_marked(performed: Callable[..., Run], tmp_path: Path) -> None:
    performed(edge=CLEAN, monitor=REPORTS)
    assert (tmp_path / "run" / MARK).exists()


def test_what_another_run_writes_to_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with alone(out, RUN):
        (out / "run.sqlite").write_text("scores")
        with pytest.raises(UsageError, match="another keyhole command writes to"):
            Run(DemoSettings(out=out), 10, ()).perform(lambda *_: None, replaces=True)
    assert (out / "run.sqlite").read_text() == "scores"
