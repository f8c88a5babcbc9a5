"""All processes on real sockets, as `keyhole demo` starts them, with a small model."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = (
    *("--target", "tests.system.tiny_target:tiny", "--cut", "block", "--source", "photos", "--public", "photos"),
    *("--attacks", "pixels-white", "pixels-black"),
)


def keyhole(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keyhole.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, dict, str]:
    """A run with an emulated link, TLS and an int8 codec: its folder, its summary, what it printed."""
    out = tmp_path_factory.mktemp("demo") / "run"
    flags = ("--frames", "12", "--fps", "1", "--codec", "int8+zstd", "--link", "wifi", "--tls", "--budget-seconds", "2")
    done = keyhole("demo", *MODEL, *flags, "--out", str(out), "--json", str(out.parent / "summary.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    return out, json.loads((out.parent / "summary.json").read_text()), done.stdout


def test_every_frame_is_accounted_for(finished):
    _, summary, _ = finished
    assert summary["frames_sent"] == 12
    assert summary["frames_answered"] + sum(summary["dropped"].values()) == 12
    assert summary["frames_answered"] >= 10


def test_both_attacks_are_scored(finished):
    _, summary, printed = finished
    assert set(summary["attacks"]) == {"pixels-white", "pixels-black"}
    for name, row in summary["attacks"].items():
        assert row["n"] >= 1
        assert -1 <= row["ssim_mean"] <= 1
        assert f"{row['ssim_mean']:.3f}" in printed
        assert name in printed


def test_latency_is_given_by_stage(finished):
    _, summary, _ = finished
    stages = summary["latency_ms"]
    on_edge, in_cloud = {"edge_compute", "protect", "encode", "decode"}, {"decode", "compute", "encode"}
    assert set(stages) == on_edge | {"network", "queue", "total"} | {f"cloud_{part}" for part in in_cloud}
    assert all(0 <= row["p50"] <= row["p95"] for row in stages.values())
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


def test_a_second_run_replaces_the_first_and_nothing_else(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "precious.txt").write_text("keep")
    done = keyhole("demo", *MODEL, "--out", str(tmp_path / "letters"))
    assert done.returncode == 2
    assert "is not empty and holds no earlier run" in done.stderr
    assert (tmp_path / "letters" / "precious.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--cut", "layer9"), "layer9"),
        (("--codec", "fp33"), "did you mean fp32"),
        (("--source", "no/such/folder"), "no picture source"),
        (("--attacks", "pixels-grey"), "pixels-grey"),
    ],
)
def test_a_wrong_flag_ends_the_run_with_the_process_and_its_reason(tmp_path, flags, message):
    done = keyhole("demo", *MODEL, "--frames", "1", "--out", str(tmp_path / "run"), *flags)
    assert done.returncode in (1, 2)
    assert message in done.stdout + done.stderr


def test_live_runs_until_interrupted_and_leaves_a_report(tmp_path):
    flags = ("--page", "127.0.0.1:0", "--out", str(tmp_path / "run"), "--budget-seconds", "1", "--fps", "2")
    process = subprocess.Popen(
        [sys.executable, "-m", "keyhole.cli", "live", *MODEL, *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        deadline = time.monotonic() + 180
        while not list(tmp_path.glob("run/pictures/*/pixels-*.png")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "no reconstruction came"
            time.sleep(0.5)
        page = json.loads((tmp_path / "run/logs/monitor.json").read_text())["page"]
        with urllib.request.urlopen(f"http://{page}", timeout=10) as answer:
            assert "Keyhole" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, printed
    assert f"http://{page}" in printed
    assert (tmp_path / "run" / "report.html").is_file()
