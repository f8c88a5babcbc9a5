from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.reporter import FrameCounts
from edge.round_trip import BACKLOG
from keyhole.service.metrics import Metrics
from monitor.history import read_history
from monitor.ledger import DROPPED, NO_TRUTH, NOT_ATTACKED, NOT_TOLD, FrameLedger
from monitor.referee import Referee
from monitor.report import write_report
from monitor.store import RunStore
from tests.monitor.making import guess, outcome, truth

FRAMES = st.lists(
    st.tuples(
        st.sampled_from(["", "deadline", BACKLOG, "unfinished"]),
        st.booleans(),  # the truth is delivered
        st.booleans(),  # so is the outcome
        st.booleans(),  # attacked
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(frames=FRAMES, heard=st.booleans())
def test_every_frame_is_counted_whatever_got_lost(frames: list[tuple[str, bool, bool, bool]], heard: bool) -> None:
    tally = FrameCounts(Metrics("edge"))
    with tempfile.TemporaryDirectory() as run:
        store = RunStore(Path(run), keep=20)
        referee = Referee([store])
        for number, (end, truth_told, outcome_told, attacked) in enumerate(frames):
            name = f"edge-0-{number}"
            if end != BACKLOG:
                tally.sent()
                if truth_told:
                    referee.witness(truth(name))
                    if attacked:
                        referee.submit(guess(name))
            if end == "":
                tally.answered({})
            elif end != "unfinished":
                tally.dropped(end)
            if end != "unfinished" and outcome_told:
                referee.conclude(outcome(name, dropped=end))
        referee.settle(tally.account("edge-0", 1.0))
        if heard:  # the same again, and nothing is counted twice
            referee.settle(tally.account("edge-0", 1.0))
        store.close()
        ledger = read_history(Path(run)).ledger
    ends = Counter(end for end, *_ in frames)
    assert ledger.answered == ends[""]
    assert ledger.dropped == {reason: ends[reason] for reason in sorted(("deadline", BACKLOG)) if ends[reason]}
    assert ledger.unfinished == ends["unfinished"]
    assert ledger.taken == len(frames)
    assert ledger.scored == sum(end != BACKLOG and told and attacked for end, told, _, attacked in frames)
    assert ledger.scored + sum(ledger.unscored.values()) == ledger.taken
    untold = sum(not (told and end != BACKLOG) and not (said and end != "unfinished") for end, told, said, _ in frames)
    assert ledger.unscored.get(NOT_TOLD, 0) == untold


def test_the_report_says_what_became_of_every_frame(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=20)
    referee = Referee([store])
    tally = FrameCounts(Metrics("edge"))
    for number in range(6):
        tally.sent()
        tally.answered({})
        if number < 4:
            referee.witness(truth(f"edge-0-{number}"))
        if number < 5:
            referee.conclude(outcome(f"edge-0-{number}", total=0.1))
    for _ in range(3):
        tally.undelivered()
    tally.sent()
    tally.dropped("deadline")
    referee.conclude(outcome("edge-0-6", dropped="deadline"))
    tally.sent()
    referee.submit(guess("edge-0-0"))
    referee.settle(tally.account("edge-0", 1.0))
    store.close()
    summary = write_report(tmp_path)
    assert summary.ledger == FrameLedger(
        taken=8,
        answered=6,
        dropped={"deadline": 1},
        unfinished=1,
        scored=1,
        unscored={DROPPED: 1, NO_TRUTH: 1, NOT_ATTACKED: 3, NOT_TOLD: 2},
        undelivered=3,
    )
    report = " ".join((tmp_path / "report.html").read_text().split())
    assert "8 frames: 6 answered, 1 dropped (deadline 1), 1 unfinished." in report
    assert "Of these 1 scored, 7 not (dropped 1, no truth 1, not attacked 3, not told of 2)." in report
    assert "Edges could not deliver 3 messages." in report


def test_without_accounts_the_monitor_counts_what_it_was_told(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=20)
    referee = Referee([store])
    referee.witness(truth("edge-0-0"))
    referee.witness(truth("edge-0-1"))
    referee.conclude(outcome("edge-0-1"))
    store.close()
    ledger = read_history(tmp_path).ledger
    assert (ledger.taken, ledger.answered, ledger.unfinished) == (2, 1, 1)
    assert ledger.unscored == {NOT_ATTACKED: 2}
