from __future__ import annotations

import pytest

from keyhole.v1.referee_pb2 import Box, Detection
from monitor.leak_meter import LeakMeter
from monitor.live_state import FRAMES, LiveState
from monitor.referee import Referee
from monitor.snapshot import BLIND
from tests.monitor.making import FRAME, blind, guess, outcome, truth


@pytest.fixture
def live() -> LiveState:
    return LiveState(clock=lambda: 50.0)


def test_the_rate_and_the_age_follow_a_clock_that_nobody_sets() -> None:
    now = [0.0]
    live = LiveState(clock=lambda: now[0])
    assert live.snapshot().age is None
    for number in range(5):
        now[0] = 2.0 * number
        live.witnessed(truth(f"edge-0-{number}"))
    assert (live.snapshot().rate, live.snapshot().age) == (0.5, 0.0)
    now[0] += 9.0
    assert (live.snapshot().rate, live.snapshot().age) == (0.1, 9.0)


def test_it_shows_the_newest_reconstruction_of_each_attack(live: LiveState) -> None:
    referee = Referee([live])
    referee.witness(truth())
    referee.submit(guess(noise=0.3, iteration=1))
    first = live.snapshot().current["pixels-white"]
    newer = guess(noise=0.1, iteration=2, backlog=3, dropped=4)
    score = referee.submit(newer)
    referee.submit(guess(attack="pixels-black"))
    shown = live.snapshot()
    attempt = shown.current["pixels-white"]
    assert shown.attacks == ("pixels-white", "pixels-black")
    assert (attempt.ssim, attempt.iteration, attempt.backlog, attempt.skipped) == (score.ssim, 2, 3, 4)
    assert attempt.version > first.version
    assert live.picture(FRAME, "pixels-white") == newer.picture.png
    assert live.picture(FRAME, "truth") == truth().picture.png
    assert live.picture(FRAME, "nothing") is None
    assert [len(shown.points[name]) for name in shown.attacks] == [2, 1]


def test_counts_and_rate(live: LiveState) -> None:
    for number in range(5):
        live.witnessed(truth(f"edge-0-{number}"))
    live.concluded(outcome("edge-0-0", total=0.1))
    live.concluded(outcome("edge-0-1", dropped="backlog"))
    live.unmatched(guess(), "no truth")
    shown = live.snapshot()
    assert (shown.seen, shown.answered, dict(shown.dropped), shown.unmatched) == (5, 1, {"backlog": 1}, 1)
    assert shown.rate == 0.5
    assert shown.deployment is not None
    assert shown.deployment.cut == "layer2"


def test_boxes_that_the_cloud_found_are_shown_with_their_frame_whenever_it_is_attacked(live: LiveState) -> None:
    referee, answered = Referee([live]), outcome(FRAME, total=0.1)
    found = Detection(label="plate", score=0.9, box=Box(left=1, top=2, right=5, bottom=4))
    answered.detections.append(found)
    referee.witness(truth())
    referee.conclude(answered)
    referee.submit(guess())
    (frame,) = live.snapshot().frames
    assert frame.detections == (found,)
    assert frame.size == (24, 24)
    live.witnessed(truth())  # the edge began again: it is another frame
    live.concluded(outcome(FRAME, total=0.1))
    referee.submit(guess())
    (frame,) = live.snapshot().frames
    assert frame.detections == ()


def test_the_blind_attackers_pictures_belong_to_no_frame_and_its_best_is_a_curve() -> None:
    meter = LeakMeter()
    live = LiveState(meter=meter)
    referee = Referee([meter, live])
    referee.witness(truth())
    scores = {rung: referee.submit(blind(rung=rung, level=level)) for rung, level in (("mean", 0.5), ("flat", 0.9))}
    shown = live.snapshot()
    assert (shown.attacks, shown.frames, shown.shown) == ((), (), None)
    best = max(scores, key=lambda rung: scores[rung].ssim)
    assert shown.blind is not None
    assert (shown.blind.rung, shown.blind.values) == (best, dict(scores[best].values))
    assert [point.values for point in shown.points["blind"]] == [dict(scores[best].values)]
    assert live.picture(BLIND, "mean") == blind(rung="mean").picture.png
    again = live.snapshot().blind
    assert again is not None
    assert again.version == shown.blind.version


def test_memory_is_bounded_and_frames_that_all_attacks_met_stay_longest(live: LiveState) -> None:
    referee = Referee([live])
    for number in range(FRAMES + 10):
        frame_id = f"edge-0-{number}"
        referee.witness(truth(frame_id))
        referee.submit(guess(frame_id))
        if number < 2:
            referee.submit(guess(frame_id, "pixels-black"))
    frames = [frame.frame_id for frame in live.snapshot().frames]
    assert len(frames) == FRAMES
    assert frames[0] == f"edge-0-{FRAMES + 9}"
    assert frames[-2:] == ["edge-0-1", "edge-0-0"]


def test_the_frame_shown_is_the_newest_that_most_attacks_finished(live: LiveState) -> None:
    assert live.snapshot().shown is None
    referee = Referee([live])
    for name in "abcd":
        referee.witness(truth(name))

    def shown() -> str:
        frame = live.snapshot().shown
        assert frame is not None
        return frame.frame_id

    referee.submit(guess("a"))
    assert shown() == "a"  # under way, for want of a finished one
    for name in "ab":
        referee.submit(guess(name, "pixels-black", final=True))
    assert shown() == "a"  # two attacks met it
    referee.submit(guess("a", final=True))
    referee.submit(guess("c", "pixels-black", final=True))
    assert shown() == "a"
    referee.submit(guess("c"))
    assert shown() == "a"  # the white box is not done with the newer one
    referee.submit(guess("c", final=True))
    referee.submit(guess("d", "pixels-black", final=True))
    assert shown() == "c"
    frame = live.snapshot().shown
    assert frame is not None
    assert (frame.seen_at, frame.finished, sorted(frame.attempts)) == (1000.0, 2, ["pixels-black", "pixels-white"])


def test_a_frame_that_nobody_works_on_any_more_gives_way(live: LiveState, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    referee = Referee([live])
    referee.witness(truth("a"))
    for attack in ("pixels-white", "pixels-black"):
        referee.submit(guess("a", attack, final=True, seconds=20.0))
    now[0] += 100
    referee.witness(truth("b"))
    referee.submit(guess("b", "pixels-black", final=True))
    frame = live.snapshot().shown
    assert frame is not None
    assert frame.frame_id == "a"  # three times the longest that an attack took, and a minute
    now[0] += 25
    referee.submit(guess("c", "pixels-black", final=True))
    frame = live.snapshot().shown
    assert frame is not None
    assert frame.frame_id == "b"
