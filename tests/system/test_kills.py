"""Each process is killed while all of them run, and started again: the run goes on, and what was lost is counted."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.system.processes import Process, process
from tests.system.running import CUT, TINY
from tests.waiting import wait_until

MODEL = {"target": TINY, "cut": CUT}
START = 240  # seconds that processes may take to start on a busy machine
WITNESSED = 128 + 1  # messages that an edge holds for the monitor, and the one on its way


class Run:
    """What the monitor's database says."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "run.sqlite"

    def count(self, what: str) -> int:
        with closing(sqlite3.connect(self._file, timeout=30)) as database:
            return int(database.execute(f"select count(*) from {what}").fetchone()[0])

    def goes_on(self) -> None:
        """Wait until more frames are answered and more reconstructions scored."""
        for what in ("frames where concluded_at is not null and dropped = ''", "scores"):
            before = self.count(what)
            wait_until(lambda what=what, before=before: self.count(what) >= before + 5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_process_may_be_killed_and_started_again(quiet_address, tmp_path):
    at = {name: str(quiet_address()) for name in ("cloud", "oracle", "truth", "submit")}
    (token := tmp_path / "token").write_text("s3cret")
    folder, run = tmp_path / "run", Run(tmp_path / "run")
    flags = {
        "monitor": {"truth": at["truth"], "submit": at["submit"], "page": "None", "run": folder},
        "cloud": {"listen": at["cloud"], "tap_token": token, **MODEL},
        "oracle": {"listen": at["oracle"], **MODEL},
        "adversary": {
            **{"cloud": at["cloud"], "oracle": at["oracle"], "referee": at["submit"], "tap_token": token},
            **{"attacks": "pixels-black", "public": "leaves", "device": "cpu", **MODEL},
        },
        "edge": {
            "cloud": at["cloud"],
            "monitor": at["truth"],
            "source": "leaves",
            "fps": 2,
            "deadline": START,
            **MODEL,
        },
    }
    running: dict[str, Process] = {}
    with ExitStack() as stack:
        for name, given in flags.items():
            running[name] = stack.enter_context(process(name, **given))
        running["monitor"].logged("ready", START)
        wait_until(lambda: run.count("frames") and run.count("scores"))
        for name in ("edge", "oracle", "adversary", "cloud", "monitor"):
            run.goes_on()
            running[name].kill()
            running[name] = stack.enter_context(process(name, **flags[name]))
            if name == "monitor":
                running[name].logged("ready", START)
        run.goes_on()
        for name in ("edge", "adversary", "oracle", "cloud", "monitor"):
            assert running[name].terminate() == 0, (name, running[name].log)
        edge = running["edge"].logged("finished")

    assert edge["taken"] == edge["answered"] + sum(n for name, n in edge.items() if name.startswith("dropped_"))
    assert edge["undelivered"] <= 2 * edge["taken"]
    last_life = (
        "frame_id like (select substr(frame_id, 1, length(frame_id) - 6) from frames order by id desc limit 1) || '%'"
    )
    concluded = run.count(f"frames where concluded_at is not null and {last_life}")
    assert edge["taken"] - edge["undelivered"] <= concluded <= edge["taken"]
    assert run.count("(select frame_id from frames group by frame_id having count(*) > 1)") == 0
    first_life = run.count(f"frames where concluded_at is null and not ({last_life})")
    assert first_life <= WITNESSED
    assert run.count("scores where frame not in (select id from frames where captured_at is not null)") == 0
    summary = json.loads((folder / "summary.json").read_text())
    on_their_way = run.count("frames where concluded_at is null")
    assert summary["frames_sent"] == run.count("frames")
    assert summary["frames_sent"] == summary["frames_answered"] + sum(summary["dropped"].values()) + on_their_way
    assert summary["frames_scored"] == run.count("(select distinct frame from scores)")
    assert (folder / "report.html").exists()
