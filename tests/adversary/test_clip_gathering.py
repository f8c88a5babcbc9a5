"""Clips out of a tap: consecutive frames of one edge, and none across a drop or a gap."""

from __future__ import annotations

import pytest
import torch

from adversary.clip_gathering import ClipGatherer
from adversary.frame_queue import SharedFrames
from adversary.preparation import chosen_attacks
from adversary.settings import AdversarySettings, check
from adversary.worker import Origin, Worker
from adversary.worker_pool import WorkerPool
from keyhole.attacks.base import Estimate, Observation
from keyhole.attacks.clip_recipes import takes_clips
from keyhole.attacks.entry import Rung
from keyhole.data.clips import Window, live_window
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from tests.waiting import wait_until


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def offered(gatherer: ClipGatherer, *names: str) -> list[list[str]]:
    clips = (gatherer.offer(Observation(name, ())) for name in names)
    return [[frame.frame_id for frame in clip] for clip in clips if clip]


def numbers(edge: str, *given: int) -> list[str]:
    return [f"{edge}-5f3a-{number:06d}" for number in given]


def test_frames_of_two_edges_make_clips_of_their_own():
    one, other = numbers("gate-one", 0, 1, 2, 3), numbers("gate-two", 7, 8)
    mixed = [one[0], other[0], one[1], other[1], one[2], one[3]]
    assert offered(ClipGatherer(2), *mixed) == [one[:2], other, one[2:]]


def test_a_frame_that_was_dropped_parts_a_clip():
    lost = []
    gatherer = ClipGatherer(3, given_up=lost.append)
    assert offered(gatherer, *numbers("gate", 0, 1, 3, 4, 5)) == [numbers("gate", 3, 4, 5)]
    assert lost == [2]


def test_an_edge_that_begins_again_begins_a_clip_again():
    again = ["gate-bb-000000", "gate-bb-000001"]
    assert offered(ClipGatherer(2), "gate-aa-000004", *again) == [again]
    anew = ["gate-000100", "gate-000000", "gate-000001"]
    assert offered(ClipGatherer(2), *anew) == [anew[1:]]


def test_a_frame_that_was_overtaken_or_has_no_number_is_in_no_clip():
    lost = []
    gatherer = ClipGatherer(2, given_up=lost.append)
    assert offered(gatherer, *numbers("gate", 0, 1, 3, 2, 4), "gate", "gate") == [
        numbers("gate", 0, 1),
        numbers("gate", 3, 4),
    ]
    assert sum(lost) == 3


def test_edges_that_were_silent_for_long_are_forgotten():
    gatherer = ClipGatherer(2)
    offered(gatherer, *(f"gate-{run:x}-000000" for run in range(100)))
    assert len(gatherer._edges) < 100
    assert offered(gatherer, "gate-63-000001") == [["gate-63-000000", "gate-63-000001"]]


def test_frames_between_the_strides_are_left_out_and_a_gap_parts_a_clip():
    clock, lost, clips = Clock(), [], []
    gatherer = ClipGatherer(3, 0.5, lost.append, clock)
    for number in range(16):  # ten frames a second
        clock.now = 0.1 * number
        clips += offered(gatherer, *numbers("gate", number))
    assert clips == [numbers("gate", 0, 4, 8)]  # 0.4 s are near enough to 0.5 s
    assert not lost
    clock.now += 1.5
    assert offered(gatherer, *numbers("gate", 40)) == []
    assert lost == [1]


class Whole:
    """Makes grey pictures, and notes which frames it was given together."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def reconstruct(self, frames):
        self.asked.append([frame.frame_id for frame in frames])
        yield Estimate(torch.zeros(len(frames), 3, 16, 16), 1, 0.1, 0.0, final=True)


def worker_of(attack, sent, shared=None, knowledge="white box", together=1):
    by = Origin("pixels-white-clip", "clip", "", knowledge, "cloud", 0)
    rung = Rung("", knowledge, attack, together=together)
    return Worker(by, rung, sent.append, Metrics("adversary"), Stop(), shared=shared)


def test_the_frames_of_a_clip_are_attacked_together_and_say_so():
    lost, sent, single, clipped = [], [], Whole(), Whole()
    pool = WorkerPool(ClipGatherer(2, given_up=lost.append).offer)
    pool.add(worker_of(single, []), 5)
    pool.add(worker_of(clipped, sent), 5, clips=True)
    for name in numbers("gate", 0, 2, 3):
        pool.offer(Observation(name, (torch.zeros(1, 2),)))
    wait_until(lambda: len(sent) == 2 and len(single.asked) == 3)
    late = Whole()
    pool.add(worker_of(late, []), 5, clips=True)
    wait_until(lambda: late.asked)
    pool.close(5)
    assert clipped.asked == late.asked == [numbers("gate", 2, 3)]
    assert [(message.frame_id, list(message.clip)) for message in sent] == [
        (name, numbers("gate", 2, 3)) for name in numbers("gate", 2, 3)
    ]
    assert sorted(single.asked) == [[name] for name in numbers("gate", 0, 2, 3)]
    assert lost == [1]


def test_several_clips_are_answered_in_one_pass_and_slow_attacks_share_one_of_its_frames_too():
    frame, sent, quick = SharedFrames(), [], Whole()
    clip = SharedFrames(changed=lambda frames: frame.share(frames[-1:]))
    common, other = (
        [Observation(name, (torch.zeros(1, 2),)) for name in numbers("gate", *of)] for of in ((0, 1), (2, 3))
    )
    assert clip.settle(tuple(common), ()) == tuple(common)
    fresh = (Observation("gate-5f3a-000009", (torch.zeros(1, 2),)),)
    assert frame.settle(fresh, ()) == (common[1],)
    worker = worker_of(quick, sent, clip, "black box", together=4)
    worker.offer(*other)
    wait_until(lambda: len(sent) == 4)
    worker.close(5)
    assert quick.asked == [numbers("gate", 2, 3, 0, 1)]
    assert {tuple(message.clip) for message in sent} == {tuple(numbers("gate", 0, 1)), tuple(numbers("gate", 2, 3))}


def test_recipes_for_clips_want_clips():
    settings = AdversarySettings(attacks=("pixels-white", "pixels-white/clip", "decoder-ladder"), clip=4, stride=0.5)
    check(settings)
    chosen, _ = chosen_attacks(settings)
    assert [takes_clips(choice) for choice in chosen] == [False, True, False]
    with pytest.raises(UsageError, match="recipe clip of pixels-white/clip takes the frames of a clip together"):
        chosen_attacks(AdversarySettings(attacks=("pixels-white/clip",)))
    with pytest.raises(UsageError, match="--clip 40: expected 1 to 16"):
        check(AdversarySettings(clip=40))
    with pytest.raises(UsageError, match=r"--stride 0\.5: expected 0 without --clip"):
        check(AdversarySettings(stride=0.5))


def test_public_clips_are_at_the_stride_of_the_tap():
    assert live_window("streetcam", 4, 0.5) == Window(4, 12)
    assert live_window("streetcam", 4, 0.0) == Window(4, 6)  # as streetcam-clips shows them
    assert live_window("clips:videos", 4, 0.0) == Window(4, 1)
