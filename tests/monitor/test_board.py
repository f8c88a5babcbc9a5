from __future__ import annotations

import pytest

from monitor.alarm import Alarm
from monitor.live_state import FRAMES, Board
from monitor.referee import Referee
from tests.monitor.making import FRAME, guess, outcome, truth


@pytest.fixture
def board() -> Board:
    return Board(clock=lambda: 50.0)


def test_the_rate_and_the_age_follow_a_clock_that_nobody_sets() -> None:
    now = [0.0]
    board = Board(clock=lambda: now[0])
    assert board.snapshot().age is None
    for number in range(5):
        now[0] = 2.0 * number
        board.witnessed(truth(f"edge-0-{number}"))
    assert (board.snapshot().rate, board.snapshot().age) == (0.5, 0.0)
    now[0] += 9.0
    assert (board.snapshot().rate, board.snapshot().age) == (0.1, 9.0)


def test_it_shows_the_newest_reconstruction_of_each_attack(board: Board) -> None:
    referee = Referee([board])
    referee.witness(truth())
    referee.submit(guess(noise=0.3, iteration=1))
    first = board.snapshot().current["pixels-white"]
    newer = guess(noise=0.1, iteration=2, backlog=3, dropped=4)
    score = referee.submit(newer)
    referee.submit(guess(attack="pixels-black"))
    shown = board.snapshot()
    attempt = shown.current["pixels-white"]
    assert shown.attacks == ("pixels-white", "pixels-black")
    assert (attempt.ssim, attempt.iteration, attempt.backlog, attempt.skipped) == (score.ssim, 2, 3, 4)
    assert attempt.version > first.version
    assert board.picture(FRAME, "pixels-white") == newer.picture.png
    assert board.picture(FRAME, "truth") == truth().picture.png
    assert board.picture(FRAME, "nothing") is None
    assert [len(shown.points[name]) for name in shown.attacks] == [2, 1]


def test_counts_and_rate(board: Board) -> None:
    for number in range(5):
        board.witnessed(truth(f"edge-0-{number}"))
    board.concluded(outcome("edge-0-0", total=0.1))
    board.concluded(outcome("edge-0-1", dropped="backlog"))
    board.unmatched(guess(), "no truth")
    shown = board.snapshot()
    assert (shown.seen, shown.answered, dict(shown.dropped), shown.unmatched) == (5, 1, {"backlog": 1}, 1)
    assert shown.rate == 0.5
    assert shown.deployment is not None
    assert shown.deployment.cut == "layer2"


def test_memory_is_bounded_and_frames_that_all_attacks_met_stay_longest(board: Board) -> None:
    referee = Referee([board])
    for number in range(FRAMES + 10):
        frame_id = f"edge-0-{number}"
        referee.witness(truth(frame_id))
        referee.submit(guess(frame_id))
        if number < 2:
            referee.submit(guess(frame_id, "pixels-black"))
    frames = [frame.frame_id for frame in board.snapshot().frames]
    assert len(frames) == FRAMES
    assert frames[0] == f"edge-0-{FRAMES + 9}"
    assert frames[-2:] == ["edge-0-1", "edge-0-0"]


def test_the_alarm_is_raised_at_the_threshold_and_clears_with_the_next_finished_picture(board: Board) -> None:
    referee, alarm = Referee([board]), Alarm(0.3)
    assert alarm.raised_by(board.snapshot()) == []
    referee.witness(truth("a"))
    referee.submit(guess("a", noise=0.9))
    assert alarm.raised_by(board.snapshot()) == []
    good = referee.submit(guess("a", noise=0.02, final=True))
    assert [attempt.ssim for attempt in alarm.raised_by(board.snapshot())] == [good.ssim]

    referee.witness(truth("b"))
    referee.submit(guess("b", noise=0.9))
    assert [attempt.frame_id for attempt in alarm.raised_by(board.snapshot())] == ["a"]
    referee.submit(guess("b", noise=0.9, final=True))
    assert alarm.raised_by(board.snapshot()) == []


def test_moving_the_threshold_moves_the_alarm(board: Board) -> None:
    referee, alarm = Referee([board]), Alarm(0.3)
    referee.witness(truth())
    score = referee.submit(guess(noise=0.02))
    alarm.threshold = score.ssim + 0.01
    assert alarm.raised_by(board.snapshot()) == []
    alarm.threshold = score.ssim
    assert len(alarm.raised_by(board.snapshot())) == 1
