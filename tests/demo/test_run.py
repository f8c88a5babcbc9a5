"""One run of all processes, and the tables that it ends with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from keyhole.demo import run as module
from keyhole.demo.run import Run
from keyhole.demo.settings import DemoSettings
from keyhole.demo.tables import print_summary
from keyhole.service.errors import UsageError
from keyhole.service.files import MARK, RUN, alone
from keyhole.service.launcher import Launcher, StoppedError
from keyhole.terminal import terminal
from tests.waiting import PATIENCE

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
        run = Run(DemoSettings(out=out), "none", 10, ())
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
        assert run.stop.wait(PATIENCE)
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
            Run(DemoSettings(out=out), "none", 10, ()).perform(lambda *_: None, replaces=True)
    assert (out / "run.sqlite").read_text() == "scores"


def _printed(secrets: dict[str, Any] | None) -> str:
    row = {"n": 3, "psnr_mean": 20.0, "ssim_mean": 0.5, "secrets": secrets}
    stages = {"total": {"p50": 1.0, "p95": 2.0}}
    counts = {"frames_sent": 3, "frames_answered": 3, "frames_scored": 3, "dropped": {}}
    console = Console(width=100)
    with console.capture() as caught:
        print_summary(console, {**counts, "attacks": {"pixels-white": row}, "latency_ms": stages})
    return caught.get()


def test_secrets_are_shown_beside_guessing_with_attributes_counted_together() -> None:
    people = {
        "hat": {"n": 30, "accuracy": 0.9, "majority": 0.5},
        "hair": {"n": 10, "accuracy": 0.5, "majority": 0.3},
    }
    printed = _printed(
        {
            "glyphs": 36,
            "glyph_accuracy": 0.75,
            "attributes": people,
            "identities": 40,
            "identity_rank_1": 0.6,
            "gallery_mean": 20.0,
        }
    )
    assert "75% of 36 (3%)" in printed
    assert "80% of 40 (45%)" in printed
    assert "60% of 40 (5%)" in printed


def test_stages_are_called_as_on_the_page() -> None:
    counts = {"frames_sent": 3, "frames_answered": 3, "frames_scored": 3, "dropped": {}}
    latency = {"edge_compute": {"p50": 1.0, "p95": None}, "total": {"p50": 2.0, "p95": None}}
    console = Console(width=100)
    with console.capture() as caught:
        print_summary(console, {**counts, "attacks": {}, "latency_ms": latency})
    printed = caught.get()
    assert "edge: head" in printed
    assert "edge_compute" not in printed


def test_it_fits_80_columns_whole(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    people = {name: {"n": 1000, "accuracy": 0.999, "majority": 0.5} for name in ("hat", "hair")}
    secrets = {"glyphs": 3600, "glyph_accuracy": 0.75, "attributes": people, "identities": 4000}
    read = {**secrets, "identity_rank_1": 0.6, "gallery_mean": 20.0}
    row = {"n": 12345, "psnr_mean": 20.0, "ssim_mean": 0.5, "secrets": read}
    names = ("diffusion-ladder.amortised", "a-name-without-a-single-blank-that-is-longer-than-all-others")
    counts = {"frames_sent": 3, "frames_answered": 3, "frames_scored": 3, "dropped": {}}
    stages = {"total": {"p50": 1.0, "p95": 2.0}}
    print_summary(terminal(), {**counts, "attacks": dict.fromkeys(names, row), "latency_ms": stages})
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    assert "12345" in printed
    assert printed.count("diffusion-ladder ") == 2
    assert sum(map(printed.count, ("│ amortised ", "diffusion-ladder amortised "))) == 2


def test_a_run_without_answers_or_scores_says_where_to_look(capsys) -> None:
    counts = {"frames_sent": 4, "frames_answered": 0, "frames_scored": 0, "dropped": {"full": 1, "refused": 3}}
    print_summary(terminal(), {**counts, "attacks": {}, "latency_ms": {}})
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 answered, 4 dropped (full 1, refused 3; logs/edge.log says more), 0 attacked" in printed
    assert printed.endswith("Nothing was reconstructed and scored; logs/adversary.log says more")


def test_where_no_picture_shows_a_secret_there_is_no_table_of_them() -> None:
    nothing = {
        "glyphs": 0,
        "glyph_accuracy": None,
        "attributes": {},
        "identities": 0,
        "identity_rank_1": None,
        "gallery_mean": None,
    }
    assert "Secrets" not in _printed(nothing)


def test_without_a_judge_there_is_no_table_of_secrets() -> None:
    assert "Secrets" not in _printed(None)


def test_further_metrics_have_a_column() -> None:
    row = {"n": 3, "psnr_mean": 20.0, "ssim_mean": 0.5, "l2_mean": 0.0123}
    counts = {"frames_sent": 3, "frames_answered": 3, "frames_scored": 3, "dropped": {}}
    console = Console(width=100)
    with console.capture() as caught:
        print_summary(console, {**counts, "attacks": {"pixels-white": row}, "latency_ms": {}}, ["l2", "haarpsi"])
    shown = caught.get().split()
    assert {"20.0", "0.500", "0.0123", "HaarPSI", "–"} <= set(shown)
