"""Boxes that the cloud answered with, in a run's database."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from keyhole.v1.referee_pb2 import Detection, Outcome
from monitor.database import DetectionsRow, FrameRow

Found = tuple[Detection, ...]
"""Boxes of one frame, in pixels of its picture, the surest first."""


def add_found(session: Session, frame: FrameRow, outcome: Outcome) -> None:
    """Keep the boxes of an answer with its frame's row, instead of those of an earlier one."""
    session.flush()
    if outcome.detections:
        message = Outcome(detections=outcome.detections).SerializeToString()
        session.merge(DetectionsRow(frame=frame.id, message=message))
    elif earlier := session.get(DetectionsRow, frame.id):
        session.delete(earlier)


def read_found(session: Session) -> Mapping[int, Found]:
    """Boxes by the frame's row, oldest first."""
    rows = session.execute(select(DetectionsRow.frame, DetectionsRow.message).order_by(DetectionsRow.frame))
    return {frame: _found(message) for frame, message in rows}


def read_newest_found(session: Session, limit: int) -> Mapping[str, Found]:
    """Boxes by frame id, oldest first; a frame id that came again stands for its newest row alone.

    Args:
        session: of the run.
        limit: frames at most, the newest.
    """
    again = aliased(FrameRow)
    query = (
        select(FrameRow.frame_id, DetectionsRow.message)
        .join(DetectionsRow, DetectionsRow.frame == FrameRow.id)
        .where(~exists().where(again.frame_id == FrameRow.frame_id, again.id > FrameRow.id))
        .order_by(FrameRow.id.desc())
        .limit(limit)
    )
    return {frame_id: _found(message) for frame_id, message in reversed(session.execute(query).all())}


def _found(message: bytes) -> Found:
    return tuple(Outcome.FromString(message).detections)
