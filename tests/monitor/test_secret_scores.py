"""Secrets in the monitor: asked of the judge, stored, summed up, exported, and told to nobody else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from keyhole.judge.judge import Judge
from keyhole.judge.recovery import AttributeScore
from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2 import Point, Secrets, Truth
from keyhole.wire.errors import WireError
from keyhole.wire.secrets import pack_secrets
from monitor.exported_metrics import MonitorMetrics
from monitor.history import read_history
from monitor.live_state import LiveState
from monitor.referee import Referee
from monitor.report import write_report
from monitor.scoring import SecretScorer
from monitor.service import Broadcast
from monitor.store import RunStore
from monitor.summary import summarise
from tests.judge.making import Parrot, labels
from tests.monitor.making import guess, pixels, truth, worse
from tests.monitor.test_referee import Ear


def secret_truth(number: int = 0, **changes: Any) -> Truth:
    """The truth of a frame whose picture shows vehicle ``number``."""
    secrets = pack_secrets(labels(identity=str(number), **changes))
    return truth(f"edge-0-{number}", scene=number, secrets=secrets)


def enrolled(identity: str) -> Tensor | None:
    """Vehicle ``identity`` as it was seen before, from 100 on never."""
    return worse(pixels(int(identity)), 0.01)[None] if int(identity) < 100 else None


def attack(referee: Referee, number: int, noise: float = 0.0, **fields: Any) -> None:
    referee.submit(guess(f"edge-0-{number}", scene=number, noise=noise, final=True, **fields))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def referee(ear: Ear) -> Referee:
    return Referee([ear], score_secrets=SecretScorer(Parrot(), enrolled, least=3))


def test_a_finished_reconstruction_is_read(referee: Referee, ear: Ear) -> None:
    referee.witness(secret_truth())
    referee.submit(guess("edge-0-0"))
    attack(referee, 0)
    assert ear.cases[0].recovery is None
    found = ear.cases[1].recovery
    assert found is not None
    assert found.plate == ("AB12CD", "AB12XX")
    assert found.attributes["hair"] == ("red", "black")
    assert (found.identified, found.gallery) == (None, 0)


def test_vehicles_are_looked_up_among_those_that_were_attacked(referee: Referee, ear: Ear) -> None:
    for number in range(4):
        referee.witness(secret_truth(number))
        attack(referee, number)
    referee.submit(guess("edge-0-3", scene=0, noise=0.0, attack="pixels-black", final=True))
    recoveries = [case.recovery for case in ear.cases]
    assert [(found.identified, found.gallery) for found in recoveries if found] == [
        (None, 0), (None, 0), (True, 3), (True, 4), (False, 4)
    ]  # fmt: skip


def test_vehicles_that_nobody_enrolled_are_not_looked_up(referee: Referee, ear: Ear) -> None:
    for number in range(99, 104):
        referee.witness(secret_truth(number))
        attack(referee, number)
    assert {(case.recovery.identified, case.recovery.gallery) for case in ear.cases if case.recovery} == {(None, 0)}


def test_the_judge_itself_can_be_asked(ear: Ear) -> None:
    referee = Referee([ear], score_secrets=SecretScorer(Judge().eval(), enrolled, least=1))
    referee.witness(secret_truth())
    attack(referee, 0)
    found = ear.cases[0].recovery
    assert found is not None
    assert found.plate is not None
    assert len(found.plate[1]) == 6
    assert set(found.attributes) == {"hat", "hair", "passenger"}
    assert found.identified


def test_the_gallery_is_bounded(ear: Ear) -> None:
    referee = Referee([ear], score_secrets=SecretScorer(Parrot(), enrolled, most=2, least=1))
    for number in range(4):
        referee.witness(secret_truth(number))
        attack(referee, number)
    assert [case.recovery.gallery for case in ear.cases if case.recovery] == [1, 2, 2, 2]


def test_without_secrets_or_judge_nothing_is_asked(referee: Referee, ear: Ear) -> None:
    referee.witness(truth())
    referee.submit(guess(final=True))
    nothing = Secrets(plate="AB12CD")
    referee.witness(truth("edge-0-9", secrets=nothing))
    referee.submit(guess("edge-0-9", final=True))
    blind = Referee([ear])
    blind.witness(secret_truth())
    attack(blind, 0)
    assert [case.recovery for case in ear.cases] == [None, None, None]


def test_secrets_that_are_none_are_rejected_at_the_door(referee: Referee) -> None:
    with pytest.raises(WireError, match=r"secrets\.plate_corners: expected 4 corners"):
        referee.witness(truth(secrets=Secrets(plate_corners=[Point()])))


def test_watchers_are_told_no_secret() -> None:
    broadcast = Broadcast()
    referee = Referee([broadcast], score_secrets=SecretScorer(Parrot(), enrolled))
    told = secret_truth()
    with broadcast.watch() as events:
        referee.witness(told)
        referee.submit(guess("edge-0-0", final=True))
        heard = [events.take(0) for _ in range(events.depth)]
    assert told.HasField("secrets")
    assert heard[0].truth.picture == told.picture
    assert not heard[0].truth.HasField("secrets")
    assert all(b"AB12" not in event.SerializeToString() for event in heard)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three frames, the first of them without a plate."""
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store], score_secrets=SecretScorer(Parrot(), enrolled, least=3))
    for number in range(3):
        referee.witness(secret_truth(number, plate_legible=number > 0))
        referee.submit(guess(f"edge-0-{number}", scene=number))
        attack(referee, number)
    store.close()
    return tmp_path


def test_a_stored_run_gives_back_what_was_read(run: Path) -> None:
    recoveries = [score.recovery for score in read_history(run).scores]
    assert [found.plate if found else None for found in recoveries] == [None, *[("AB12CD", "AB12XX")] * 2]
    assert [found.identified if found else None for found in recoveries] == [None, None, True]
    secrets = summarise(read_history(run)).attacks["pixels-white"].secrets
    assert secrets is not None
    assert (secrets.glyphs, secrets.glyph_accuracy) == (12, 8 / 12)
    assert secrets.attributes["hat"] == AttributeScore(3, 1.0, 0.5)
    assert secrets.identity_rank_1 == 1


def test_the_report_and_its_json_hold_it(run: Path) -> None:
    write_report(run)
    written = json.loads((run / "summary.json").read_text())["attacks"]["pixels-white"]["secrets"]
    assert written["glyph_accuracy"] == pytest.approx(2 / 3)
    assert written["attributes"]["hair"] == {"n": 3, "accuracy": 0.0, "majority": pytest.approx(3 / 11.5)}
    page = (run / "report.html").read_text()
    assert "plate, glyphs" in page
    assert "66.7 %" in page
    assert "vehicle, rank-1" in page


def test_a_run_that_goes_on_knows_its_truths_secrets(run: Path) -> None:
    store = RunStore(run, keep=10)
    known = store.known_truths(10)
    assert [one.secrets for one in known] == [
        secret_truth(number, plate_legible=number > 0).secrets for number in range(3)
    ]
    ear = Ear()
    referee = Referee([ear], known=known, score_secrets=SecretScorer(Parrot(), enrolled))
    attack(referee, 2)
    assert ear.cases[0].recovery is not None
    store.close()


def test_a_run_of_before_there_were_secrets_opens_and_goes_on(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    referee.witness(truth())
    referee.submit(guess(final=True))
    store.close()
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.execute("drop table secrets")
        database.execute("drop table recoveries")

    old = read_history(tmp_path)
    assert [score.recovery for score in old.scores] == [None]
    assert summarise(old).attacks["pixels-white"].secrets is None
    store = RunStore(tmp_path, keep=10)
    known = store.known_truths(10)
    assert [one.HasField("secrets") for one in known] == [False]
    referee = Referee([store], known=known, score_secrets=SecretScorer(Parrot(), enrolled))
    referee.witness(secret_truth(1))
    attack(referee, 1)
    store.close()
    assert [bool(score.recovery) for score in read_history(tmp_path).scores] == [False, True]


def test_what_was_read_is_exported() -> None:
    instruments = MonitorMetrics(Metrics("monitor"))
    referee = Referee([instruments], score_secrets=SecretScorer(Parrot(), enrolled, least=1))
    referee.witness(secret_truth())
    attack(referee, 0)

    def value(secret: str, result: str) -> float | None:
        names = {"attack": "pixels-white", "rung": "", "secret": secret, "result": result}
        return instruments.registry.get_sample_value("keyhole_secrets_total", names)

    assert (value("glyph", "right"), value("glyph", "wrong")) == (4, 2)
    assert (value("hat", "right"), value("hair", "wrong")) == (1, 1)
    assert (value("identity", "right"), value("identity", "wrong")) == (1, 0)


def test_the_page_keeps_what_was_read_of_the_last_finished_one() -> None:
    live = LiveState()
    referee = Referee([live], score_secrets=SecretScorer(Parrot(), enrolled))
    referee.witness(secret_truth(0))
    attack(referee, 0)
    referee.witness(secret_truth(1))
    referee.submit(guess("edge-0-1", scene=1))
    shown = live.snapshot()
    assert shown.current["pixels-white"].recovery is None
    assert shown.settled["pixels-white"].recovery is not None
