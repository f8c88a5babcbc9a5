from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from keyhole.service.errors import UsageError
from keyhole.v1.referee_pb2 import Deployment
from monitor.database import open_database
from monitor.history import read_history
from monitor.referee import Referee
from monitor.store import RunStore
from monitor.summary import summarise
from tests.monitor.making import FRAME, WHERE, guess, outcome, truth


def rows(run: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(run / "run.sqlite") as database:
        return database.execute(query).fetchall()


def test_every_score_row_carries_what_the_design_asks_for(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    referee = Referee([store])
    referee.witness(truth())
    score = referee.submit(guess(iteration=40, seconds=1.5, seed=7))
    referee.submit(guess(noise=0.01, iteration=80, seconds=3.0, seed=7, final=True))
    store.flush()
    columns = (
        "frame_id, target, cut, defence, codec, attack, knowledge, tap, seed, iteration, seconds, final, psnr, ssim"
    )
    found = rows(tmp_path, f"select {columns} from scores order by id")
    assert found[0] == (
        *(FRAME, "tiny", "layer2", "none", "fp16", "pixels-white", "white box", "cloud", 7, 40, 1.5, 0),
        pytest.approx(score.psnr),
        pytest.approx(score.ssim),
    )
    assert found[1][9:12] == (80, 3.0, 1)
    store.close()


def test_frames_hold_truth_and_outcome(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    store.witnessed(truth())
    store.concluded(outcome(network=0.05, total=0.1))
    store.concluded(outcome("edge-0-000002", dropped="backlog"))
    store.close()
    found = rows(tmp_path, "select frame_id, label, link, prediction, dropped, payload_bytes, stages from frames")
    assert found == [
        (FRAME, "cat", "lte", "dog", "", 2048, '{"network": 0.05, "total": 0.1}'),
        ("edge-0-000002", "", "", "dog", "backlog", 2048, "{}"),
    ]


def test_an_outcome_may_come_before_the_truth(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    store.concluded(outcome())
    store.witnessed(truth())
    store.close()
    assert rows(tmp_path, "select label, prediction from frames") == [("cat", "dog")]


def test_rungs_are_kept_apart(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    referee = Referee([store])
    referee.witness(truth())
    for rung, noise in (("amortised", 0.4), ("refined", 0.3), ("refined", 0.1)):
        referee.submit(guess(attack="decoder-ladder", recipe="strong", rung=rung, noise=noise, knowledge="black box"))
    store.close()
    kept = rows(tmp_path, "select attack, recipe, rung from scores")
    assert kept == [("decoder-ladder", "strong", rung) for rung in ("amortised", "refined", "refined")]
    names = {path.name for path in (tmp_path / "pictures" / FRAME).iterdir()}
    assert names == {"truth.png", "decoder-ladder.amortised.png", "decoder-ladder.refined.png"}
    summary = summarise(read_history(tmp_path))
    assert {name: row.n for name, row in summary.attacks.items()} == {
        "decoder-ladder.amortised": 1,
        "decoder-ladder.refined": 1,
    }
    assert list(summary.attacks) == ["decoder-ladder.amortised", "decoder-ladder.refined"]
    assert summary.attacks["decoder-ladder.refined"].psnr_mean > summary.attacks["decoder-ladder.amortised"].psnr_mean


def test_a_run_of_before_there_were_rungs_goes_on(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    referee = Referee([store])
    referee.witness(truth())
    referee.submit(guess())
    store.close()
    with sqlite3.connect(tmp_path / "run.sqlite") as old:
        for column in ("recipe", "rung"):
            old.execute(f"alter table scores drop column {column}")
    old.close()
    again = RunStore(tmp_path, keep=5)
    Referee([again], known=again.known_truths(5)).submit(guess(attack="decoder-ladder", rung="refined"))
    again.close()
    assert rows(tmp_path, "select attack, rung from scores") == [("pixels-white", ""), ("decoder-ladder", "refined")]


def test_pictures_are_the_bytes_that_came(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    referee = Referee([store])
    seen, made = truth(), guess()
    referee.witness(seen)
    referee.submit(guess(noise=0.4))
    referee.submit(made)
    store.close()
    folder = tmp_path / "pictures" / FRAME
    assert (folder / "truth.png").read_bytes() == seen.picture.png
    assert (folder / "pixels-white.png").read_bytes() == made.picture.png
    assert sorted(path.name for path in folder.iterdir()) == ["pixels-white.png", "truth.png"]


def test_only_the_newest_frames_keep_their_pictures_and_all_keep_their_scores(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=3)
    referee = Referee([store])
    for number in range(6):
        referee.witness(truth(f"edge-0-{number}"))
        referee.submit(guess(f"edge-0-{number}"))
    referee.submit(guess("edge-0-0", attack="pixels-black"))
    store.close()
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["edge-0-3", "edge-0-4", "edge-0-5"]
    assert rows(tmp_path, "select count(*) from scores") == [(7,)]

    RunStore(tmp_path, keep=1).close()
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["edge-0-5"]


def test_a_frame_of_an_old_name_gets_a_row_of_its_own_and_fresh_pictures(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=3)
    referee = Referee([store])
    referee.witness(truth())
    referee.submit(guess())
    referee.witness(truth(captured_at=2000.0))
    store.flush()
    assert [path.name for path in (tmp_path / "pictures" / FRAME).iterdir()] == ["truth.png"]
    referee.submit(guess(attack="pixels-black"))
    store.close()
    assert rows(tmp_path, "select frame, attack from scores") == [(1, "pixels-white"), (2, "pixels-black")]


def test_a_run_goes_on_and_its_truths_are_known_again(tmp_path: Path) -> None:
    first = RunStore(tmp_path, keep=5)
    for number in range(3):
        first.witnessed(truth(f"edge-0-{number}", scene=number))
    first.close()

    second = RunStore(tmp_path, keep=5)
    known = second.known_truths(2)
    assert [one.frame_id for one in known] == ["edge-0-1", "edge-0-2"]
    assert known[1].picture == truth(scene=2).picture
    assert known[1].deployment == Deployment(**{field.name: value for field, value in WHERE.ListFields()})
    assert Referee([second], known=known).submit(guess("edge-0-2", scene=2, noise=0.0)).psnr == 100.0
    second.close()
    assert rows(tmp_path, "select count(*) from frames") == [(3,)]


def test_unmatched_reconstructions_are_counted(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    store.unmatched(guess())
    store.close()
    assert rows(tmp_path, "select frame_id, attack from unmatched") == [(FRAME, "pixels-white")]


def test_a_failed_write_is_told_and_does_not_block(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    (tmp_path / "pictures").rmdir()
    store.witnessed(truth())
    lost = guess()
    for _ in range(5000):
        store.unmatched(lost)
    with pytest.raises(FileNotFoundError):
        store.flush()
    with pytest.raises(FileNotFoundError):
        store.check()
    with pytest.raises(FileNotFoundError):
        store.close()


def test_another_database_can_take_the_files_place(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5, url=f"sqlite:///{tmp_path / 'elsewhere.db'}")
    store.witnessed(truth())
    store.close()
    assert not (tmp_path / "run.sqlite").exists()
    with sqlite3.connect(tmp_path / "elsewhere.db") as database:
        assert database.execute("select count(*) from frames").fetchone() == (1,)


@pytest.mark.parametrize("url", ["nonsense", "nosuchserver://host/run", "sqlite:////no/such/folder/run.sqlite"])
def test_a_database_that_cannot_be_opened_is_a_mistake_of_the_user(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="cannot open the run's database"):
        open_database(tmp_path, url)


def test_a_file_that_is_no_database_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(UsageError, match=r"run\.sqlite"):
        RunStore(tmp_path, keep=5)
