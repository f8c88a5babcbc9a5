"""Clips out of a tap: consecutive frames of one edge, at a stride, none of them across a drop or a gap."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from adversary.frame_queue import Frames
from keyhole.attacks.base import Observation

_EARLY = 0.75
"""Share of the stride after which a frame is taken: frames come with jitter."""
_LATE = 2.0
"""Strides after which a scene has changed too far."""
_OVERTAKEN = 8
"""Frames that may overtake one on its way; a number that is further back is that of an edge which began again."""
_EDGES = 64
"""That clips are gathered of; the one that was silent for longest is forgotten."""


@dataclass
class _Gathered:
    number: int
    at: float
    frames: list[Observation] = field(default_factory=list)


@dataclass
class ClipGatherer:
    """Takes frames as they come and gives a clip whenever one is whole. No frame is in two clips.

    An edge and its run are told by the frame's id, ``<edge>-<run>-<number>``. Where a frame of the edge is missing in
    between (with a stride: none came for two strides), what was gathered is given up and the frame begins anew. A frame
    that others have overtaken, or without a number, is in no clip.

    Attributes:
        frames: of a clip, 2 or more.
        stride: seconds from one frame of a clip to the next, by the adversary's clock; 0: every frame.
        given_up: called with the number of frames that were gathered in vain.
        clock: seconds, monotonic.
    """

    frames: int
    stride: float = 0.0
    given_up: Callable[[int], object] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    _edges: OrderedDict[str, _Gathered] = field(default_factory=OrderedDict)

    def offer(self, frame: Observation) -> Frames | None:
        """The clip that a frame completes, in the order of its frames."""
        edge, _, number = frame.frame_id.rpartition("-")
        if not number.isdecimal():
            self.given_up(1)
            return None
        place, now, held = int(number), self.clock(), self._edges.get(edge)
        if held is not None and 0 <= held.number - place < _OVERTAKEN:
            self.given_up(1)
            return None
        if held is not None and self.stride and now - held.at < _EARLY * self.stride and place > held.number:
            return None
        if held is None or self._parted(held, place, now):
            if held is not None and held.frames:
                self.given_up(len(held.frames))
            held = self._begun(edge)
        held.number, held.at = place, now
        held.frames.append(frame)
        if len(held.frames) < self.frames:
            return None
        clip, held.frames = tuple(held.frames), []
        return clip

    def _begun(self, edge: str) -> _Gathered:
        held = self._edges[edge] = _Gathered(0, 0.0)
        self._edges.move_to_end(edge)
        if len(self._edges) > _EDGES:
            self._edges.popitem(last=False)
        return held

    def _parted(self, held: _Gathered, place: int, now: float) -> bool:
        if self.stride:
            return place < held.number or now - held.at > _LATE * self.stride
        return place != held.number + 1
