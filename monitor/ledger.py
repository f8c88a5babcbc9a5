"""Ledger of frames: what became of each, by the edges' own counts and by what the monitor was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from keyhole.presentation import attacks
from monitor.database import AccountRow, FrameRow, ScoreRow

NOT_TOLD, NO_TRUTH, DROPPED, NOT_ATTACKED = "not told of", "no truth", "dropped", "not attacked"


@dataclass(frozen=True)
class FrameLedger:
    """Every picture that an edge took, counted twice: by how it ended, and by whether it was scored.

    ``taken`` is ``answered`` and all ``dropped`` and ``unfinished``; and it is ``scored`` and all ``unscored``.

    Attributes:
        taken: pictures, those that the monitor was not told of included.
        dropped: by reason.
        unfinished: on their way, or on their way when their edge died.
        scored: with a score of at least one reconstruction; the blind attacker's are none.
        unscored: by reason.
        undelivered: messages that the edges could not deliver.
    """

    taken: int
    answered: int
    dropped: Mapping[str, int]
    unfinished: int
    scored: int
    unscored: Mapping[str, int]
    undelivered: int


@dataclass
class _Count:
    """Frames of an edge: all, and those that ended by reason; an empty one: answered."""

    frames: int
    ends: Counter[str]


def read_ledger(session: Session) -> FrameLedger:
    """The ledger of a stored run."""
    told, counted = _told(session), _counted(session)
    taken, ends = 0, Counter[str]()
    for edge in told.keys() | counted.keys():
        known = [count[edge] for count in (told, counted) if edge in count]
        most = known[0].ends | known[-1].ends  # of each reason the larger number
        ends += most
        taken += max(most.total(), *(count.frames for count in known))
    answered = ends.pop("", 0)
    scored, unscored = _scored(session)
    unscored += Counter({NOT_TOLD: taken - scored - unscored.total()})
    return FrameLedger(
        taken=taken,
        answered=answered,
        dropped=dict(sorted(ends.items())),
        unfinished=taken - answered - ends.total(),
        scored=scored,
        unscored=dict(sorted(unscored.items())),
        undelivered=session.scalars(select(func.coalesce(func.sum(AccountRow.undelivered), 0))).one(),
    )


def _told(session: Session) -> dict[str, _Count]:
    """Frames by edge, from what the monitor was told."""
    columns = FrameRow.edge, FrameRow.dropped, FrameRow.concluded_at.is_not(None)
    found: dict[str, _Count] = {}
    for edge, dropped, ended, frames in session.execute(select(*columns, func.count()).group_by(*columns)):
        count = found.setdefault(edge, _Count(0, Counter()))
        count.frames += frames
        if ended:
            count.ends[dropped] += frames
    return found


def _counted(session: Session) -> dict[str, _Count]:
    """Frames by edge, from the edges' own counts."""
    found: dict[str, _Count] = {}
    for row in session.scalars(select(AccountRow)):
        count = found.setdefault(row.edge, _Count(0, Counter()))
        count.frames += row.taken
        count.ends += Counter({"": row.answered, **row.dropped})
    return found


def _scored(session: Session) -> tuple[int, Counter[str]]:
    """Frames with a score, and those without by reason."""
    scored = FrameRow.id.in_(select(ScoreRow.frame).where(ScoreRow.attack != attacks.BLIND))
    columns = scored, FrameRow.dropped != "", FrameRow.captured_at.is_not(None)
    count, unscored = 0, Counter[str]()
    for has_score, dropped, has_truth, frames in session.execute(select(*columns, func.count()).group_by(*columns)):
        if has_score:
            count += frames
        else:
            unscored[DROPPED if dropped else NOT_ATTACKED if has_truth else NO_TRUTH] += frames
    return count, unscored
