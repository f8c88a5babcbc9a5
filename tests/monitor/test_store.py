from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from keyhole.v1.referee_pb2 import Box, Deployment, Detection
from keyhole.wire.errors import WireError
from monitor.history import read_history
from monitor.live_state import LiveState
from monitor.referee import Referee
from monitor.settings import Limits
from monitor.store import RunStore
from monitor.summary import summarise
from tests.monitor.making import FRAME, WHERE, Clock, guess, outcome, rows, truth


def test_every_score_row_carries_what_the_design_asks_for(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    referee = Referee([store])
    referee.witness(truth())
    score = referee.submit(guess(iteration=40, seconds=1.5, seed=7))
    referee.submit(guess(noise=0.01, iteration=80, seconds=3.0, seed=7, final=True))
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
    assert (
        summary.attacks["decoder-ladder.refined"].scores["psnr"].mean
        > summary.attacks["decoder-ladder.amortised"].scores["psnr"].mean
    )


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


def test_boxes_of_an_answer_are_shown_again_by_a_later_life_of_the_monitor(tmp_path: Path) -> None:
    found = Detection(label="plate", score=0.75, box=Box(left=1, top=2, right=5, bottom=4))
    store = RunStore(tmp_path, keep=5)
    for frame_id, boxes in (("edge-0-1", [found]), ("edge-0-2", [])):
        store.witnessed(truth(frame_id))
        answered = outcome(frame_id, total=0.1)
        answered.detections.extend(boxes)
        store.concluded(answered)
    store.close()

    again = RunStore(tmp_path, keep=5)
    live = LiveState(found=again.known_found(5))
    referee = Referee([again, live], known=again.known_truths(5))
    for frame_id in ("edge-0-1", "edge-0-2"):
        referee.submit(guess(frame_id))
    assert {frame.frame_id: frame.detections for frame in live.snapshot().frames} == {
        "edge-0-1": (found,),
        "edge-0-2": (),
    }
    again.witnessed(truth("edge-0-1", scene=3, captured_at=2000.0))  # the edge began again: it is another frame
    assert again.known_found(5) == {}
    again.close()
    assert list(read_history(tmp_path).found.values()) == [(found,)]


def test_a_later_answer_without_boxes_takes_those_of_the_earlier_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    store.witnessed(truth("edge-0-1"))
    for boxes in ([Detection(label="plate", score=0.75)], []):
        answered = outcome("edge-0-1", total=0.1)
        answered.detections.extend(boxes)
        store.concluded(answered)
    assert store.known_found(5) == {}
    store.close()


def test_a_reconstruction_without_a_score_says_why(tmp_path: Path) -> None:
    store, clock = RunStore(tmp_path, keep=5), Clock()
    referee = Referee([store], Limits(waiting=2), clock=clock)
    for number in range(4):
        referee.submit(guess(f"edge-0-{number}", size=16 if number == 2 else 24))
    referee.submit(guess("edge-0-4", rung="refined"))
    assert rows(tmp_path, "select reason from unmatched") == [*[("crowded out",)] * 3, ("waiting",), ("waiting",)]
    referee.witness(truth("edge-0-3"))
    clock.now += 11
    referee.expire()
    referee.submit(guess("edge-0-5"))
    store.close()
    again = RunStore(tmp_path, keep=5)
    again.close()
    assert rows(tmp_path, "select frame_id, rung, reason from unmatched") == [
        *[(f"edge-0-{number}", "", "crowded out") for number in range(3)],
        ("edge-0-4", "refined", "no truth"),
        ("edge-0-5", "", "monitor ended"),
    ]
    assert rows(tmp_path, "select frame_id from scores") == [("edge-0-3",)]


def test_a_bad_row_costs_itself_and_nothing_that_is_stored_with_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=50)
    told: dict[int, grpc.StatusCode | None] = {}

    def tell(number: int) -> None:
        slowdown = float("nan") if number % 5 == 0 else 1.0
        try:
            store.witnessed(truth(f"edge-0-{number}", deployment=Deployment(slowdown=slowdown)))
            told[number] = None
        except WireError as error:
            told[number] = error.code

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(tell, range(40)))
    store.close()
    expected = {number: grpc.StatusCode.INTERNAL if number % 5 == 0 else None for number in range(40)}
    assert told == expected
    stored = {name for (name,) in rows(tmp_path, "select frame_id from frames")}
    assert stored == {f"edge-0-{number}" for number, code in expected.items() if code is None}


def test_what_cannot_be_stored_is_not_acknowledged_and_can_be_sent_again(tmp_path: Path) -> None:
    store, pictures = RunStore(tmp_path, keep=5), tmp_path / "pictures"
    live = LiveState()
    referee = Referee([store, live])
    referee.witness(truth("edge-0-0"))
    shutil.rmtree(pictures)
    pictures.write_text("in the way")
    for call in (lambda: referee.witness(truth()), lambda: referee.submit(guess("edge-0-0"))):
        with pytest.raises(WireError) as refused:
            call()
        assert refused.value.code is grpc.StatusCode.UNAVAILABLE
        assert "in the way" not in str(refused.value)
    pictures.unlink()
    referee.witness(truth())
    assert referee.submit(guess()) is not None
    store.close()
    assert live.snapshot().seen == 2
    assert rows(tmp_path, "select frame_id from frames order by id") == [("edge-0-0",), (FRAME,)]
    assert rows(tmp_path, "select frame_id from scores") == [(FRAME,)]


def test_a_repeated_call_changes_nothing(tmp_path: Path) -> None:
    """An edge that did not hear the answer sends again, to another life of the monitor as well."""
    for _ in range(2):
        store, live = RunStore(tmp_path, keep=5), LiveState()
        referee = Referee([store, live], known=store.known_truths(5))
        for _ in range(2):
            referee.witness(truth())
            referee.conclude(outcome(total=0.1))
            referee.conclude(outcome("edge-0-000002", dropped="backlog"))
        store.close()
        shown = live.snapshot()
        assert (shown.answered, dict(shown.dropped)) == (1, {"backlog": 1})
    assert rows(tmp_path, "select frame_id, dropped from frames") == [(FRAME, ""), ("edge-0-000002", "backlog")]
