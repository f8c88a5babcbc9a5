"""What comes in from the tap: decoded, checked, counted."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from adversary.taps import Frame
from keyhole.attacks.base import Observation
from keyhole.service.metrics import Metrics
from keyhole.wire.errors import WireError, invalid
from keyhole.wire.tensors import AnyTensor, unpack

_WARNINGS = 16
_log = logging.getLogger(__name__)


class Door:
    """Lets readable frames through and skips the others.

    Args:
        metrics: frames are counted here, by outcome and reason.
        target: which target the attacks are for; frames of another are let through, with one warning.
        defence: which defence they are for; the same.
    """

    def __init__(self, metrics: Metrics, target: str, defence: str) -> None:
        self._metrics = metrics
        self._target, self._defence = target, defence
        self._warned: set[tuple[str, str]] = set()

    def admit(self, frame: Frame) -> Observation | None:
        """The decoded frame; None if it is malformed."""
        try:
            observation = observe(frame)
        except WireError as error:
            self._metrics.dropped.labels("malformed").inc()
            _log.warning("malformed frame", extra={"frame": frame.header.frame_id[:64], "reason": str(error)})
            return None
        self._metrics.frames.labels("tapped").inc()
        self._compare("target", frame.header.target, self._target)
        self._compare("defence", frame.header.defence, self._defence)
        return observation

    def _compare(self, what: str, theirs: str, ours: str) -> None:
        if theirs != ours and (what, theirs) not in self._warned and len(self._warned) < _WARNINGS:
            self._warned.add((what, theirs))
            _log.warning("frames of another %s", what, extra={"theirs": theirs[:64], "ours": ours})


def observe(frame: Frame) -> Observation:
    """Decode a frame.

    Raises:
        WireError: INVALID_ARGUMENT, it is damaged, has no tensor, or is not a frame of one picture.
    """
    if not frame.header.frame_id:
        raise invalid("header.frame_id", "expected a name, got none")
    if not frame.tensors:
        raise invalid("tensors", "expected at least one tensor, got none")
    messages: Sequence[AnyTensor] = frame.tensors
    tensors = tuple(unpack(message, field=f"tensors[{index}]") for index, message in enumerate(messages))
    for index, tensor in enumerate(tensors):
        if tensor.dim() < 1 or len(tensor) != 1 or not tensor.numel():
            raise invalid(f"tensors[{index}].spec.shape", f"expected a batch of one, got {tuple(tensor.shape)}")
    return Observation(frame.header.frame_id, tensors)
