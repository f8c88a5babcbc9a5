"""Says what becomes of every picture: counts, metrics, and the monitor."""

from __future__ import annotations

import logging
import time
from functools import partial

from edge.journey import Arrival
from edge.tally import Tally
from edge.witness import Unwatched, Witness
from keyhole.data import Sample
from keyhole.v1 import referee_pb2
from keyhole.wire.frames import PackedFrame
from keyhole.wire.pictures import pack_picture
from keyhole.wire.secrets import pack_secrets

_log = logging.getLogger(__name__)


class Reporter:
    """Told of each frame as it leaves and as it ends.

    Args:
        tally: counts.
        witness: to the monitor.
        deployment: what runs where, part of every truth.
        labels: names of the model's outputs; empty where it has none.
    """

    def __init__(
        self, tally: Tally, witness: Witness | Unwatched, deployment: referee_pb2.Deployment, labels: tuple[str, ...]
    ) -> None:
        self._tally = tally
        self._witness = witness
        self._deployment = deployment
        self._labels = labels
        self._refusal = ""

    def leaves(self, frame: PackedFrame, sample: Sample) -> None:
        """A frame is about to leave; its truth goes to the monitor."""
        self._tally.sent()
        self._witness.tell(partial(self._truth, frame.header.frame_id, sample, time.time()))

    def ends(self, frame: PackedFrame, arrival: Arrival) -> None:
        """A frame that left was answered or dropped."""
        if arrival.dropped:
            self.drops(frame.header.frame_id, arrival.dropped, arrival.detail)
            return
        self._tally.answered(arrival.stages)
        outcome = referee_pb2.Outcome(
            frame_id=frame.header.frame_id,
            stages=arrival.stages,
            prediction=self._prediction(arrival),
            payload_bytes=frame.payload_bytes,
            edge=self._deployment.edge,
        )
        self._witness.tell(lambda: outcome)

    def drops(self, frame_id: str, reason: str, detail: str = "") -> None:
        """A frame was dropped, before or after it left."""
        self._tally.dropped(reason)
        if detail and detail != self._refusal:
            self._refusal = detail
            _log.warning("frame %s", reason, extra={"frame": frame_id, "reason": detail})
        outcome = referee_pb2.Outcome(frame_id=frame_id, dropped=reason, edge=self._deployment.edge)
        self._witness.tell(lambda: outcome)

    def _truth(self, frame_id: str, sample: Sample, captured_at: float) -> referee_pb2.Truth:
        return referee_pb2.Truth(
            frame_id=frame_id,
            picture=pack_picture(sample.picture),
            label=sample.label or "",
            deployment=self._deployment,
            captured_at=captured_at,
            secrets=pack_secrets(sample.secrets) if sample.secrets else None,
        )

    def _prediction(self, arrival: Arrival) -> str:
        shapes = [output.shape[1:] for output in arrival.outputs]
        return self._labels[int(arrival.outputs[0].argmax())] if shapes == [(len(self._labels),)] else ""
