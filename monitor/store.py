"""The run store: what the referee heard, in a database, and the pictures beside it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from keyhole.judge.recovery import Recovery
from keyhole.metrics.registry import DEFAULT
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.presentation import attacks
from keyhole.v1.referee_pb2 import Account, ClassPicture, Deployment, Outcome, Reconstruction, Secrets, Truth
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.errors import WireError
from keyhole.wire.pictures import entry_name
from monitor.alarm_threshold import AlarmThreshold
from monitor.class_store import add_class_picture, read_class_pictures, set_verdicts
from monitor.class_wall import ClassKey, Verdicts
from monitor.database import (
    AccountRow,
    FrameRow,
    GroupCommit,
    RecoveryRow,
    ScaleRow,
    ScoreRow,
    SecretsRow,
    UnmatchedRow,
    open_database,
)
from monitor.deployment import DEPLOYMENT_FIELDS
from monitor.found_store import Found, add_found, read_newest_found
from monitor.picture_store import BlindPngs, PictureStore
from monitor.scoring import ENDED, Listener, ScoredReconstruction
from monitor.validation import TRUTH

PICTURES = "pictures"
BLIND = "blind"
WAITING = "waiting"
_UNSTORED = "cannot be stored; the monitor's log says why"
_log = logging.getLogger(__name__)


class RunStore(Listener):
    """Writes a run as the referee tells of it.

    A call returns when what it brought is committed, and then survives the death of the process (not that of the
    machine). What comes from several threads at a time is committed at once. A call that fails with ``WireError`` has
    stored nothing: UNAVAILABLE where the same may succeed later (the disk is full), INTERNAL where it will not.

    Args:
        run: folder of the run; made if it is not there, gone on with if it is.
        keep: newest frames whose pictures stay on disk.
        url: database in place of ``run.sqlite``.

    Raises:
        keyhole.service.errors.UsageError: the database cannot be opened.
    """

    def __init__(self, run: Path, keep: int, url: str | None = None) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._engine = open_database(run, url)
        self._pictures = PictureStore(run / PICTURES, keep)
        self._blind = BlindPngs(run / BLIND)
        self._commit: GroupCommit[Callable[[Session], object]] = GroupCommit(self._write)
        self._well = True
        self._store(_give_up_waiting)

    @property
    def depth(self) -> int:
        """Writes waiting."""
        return self._commit.depth

    def known_truths(self, limit: int) -> list[Truth]:
        """The newest truths of the run whose pictures are still there, oldest first."""
        query = select(FrameRow).where(FrameRow.captured_at.is_not(None)).order_by(FrameRow.id.desc()).limit(limit)
        with Session(self._engine) as session:
            rows = {row.frame_id: row for row in reversed(session.scalars(query).all())}
            numbers = [row.id for row in rows.values()]
            found = session.scalars(select(SecretsRow).where(SecretsRow.frame.in_(numbers))).all()
            secrets = {row.frame: row.message for row in found}
        pictures = ((row, self._pictures.read(row.frame_id, TRUTH)) for row in rows.values())
        return [_truth(row, png, secrets.get(row.id)) for row, png in pictures if png is not None]

    def add_scale(self, truth: Truth, scale: ThumbnailScale) -> None:
        """Keep the scale of a frame's truth."""

        def add(session: Session) -> None:
            row = _newest(session, truth.frame_id)
            if row is not None and row.captured_at == truth.captured_at:
                session.merge(ScaleRow(frame=row.id, scale=scale.as_json()))

        self._store(add)

    def known_scales(self, limit: int) -> tuple[list[tuple[str, ThumbnailScale]], list[tuple[str, str, float]]]:
        """The newest scales by frame id, oldest first; frame id, rung and SSIM of what was shown blind of the same."""
        query = select(FrameRow.id, FrameRow.frame_id, ScaleRow.scale).join(ScaleRow, ScaleRow.frame == FrameRow.id)
        with Session(self._engine) as session:
            rows = session.execute(query.order_by(FrameRow.id.desc()).limit(limit)).all()
            of_these = ScoreRow.frame.in_([row.id for row in rows]) & (ScoreRow.attack == attacks.BLIND)
            blind = session.execute(select(ScoreRow.frame_id, ScoreRow.rung, ScoreRow.ssim).where(of_these)).all()
        scales = [(row.frame_id, ThumbnailScale.from_json(row.scale)) for row in reversed(rows)]
        return scales, [(frame_id, rung, ssim) for frame_id, rung, ssim in blind]

    def known_found(self, limit: int) -> Mapping[str, Found]:
        """See `monitor.found_store.read_newest_found`."""
        with Session(self._engine) as session:
            return read_newest_found(session, limit)

    def set_threshold(self, threshold: AlarmThreshold) -> None:
        """Keep the alarm's threshold with the run."""
        self._store(lambda session: session.merge(threshold.row()))

    def witnessed(self, truth: Truth) -> None:
        self._store(lambda session: self._add_truth(session, truth))

    def concluded(self, outcome: Outcome) -> None:
        now = time.time()
        self._store(lambda session: _add_outcome(session, outcome, now))

    def judged(self, scored: ScoredReconstruction) -> None:
        self._store(lambda session: self._add_score(session, scored))

    def settled(self, account: Account) -> None:
        facts = {name: getattr(account, name) for name in ("edge", "started_at", "taken", "answered", "undelivered")}
        self._store(lambda session: session.merge(AccountRow(**facts, dropped=dict(account.dropped))))

    def pictured(self, picture: ClassPicture) -> None:
        if picture.final:
            self._store(lambda session: add_class_picture(session, picture))

    def set_verdicts(self, key: ClassKey, verdicts: Verdicts) -> None:
        """Keep what judges said of a final picture of a class."""
        self._store(lambda session: set_verdicts(session, key, verdicts))

    def known_classes(self) -> list[tuple[ClassPicture, Verdicts | None]]:
        """See `monitor.class_store.read_class_pictures`."""
        with Session(self._engine) as session:
            return read_class_pictures(session)

    def waits(self, reconstruction: Reconstruction) -> None:
        now = time.time()
        self._store(lambda session: session.add(_waiting(reconstruction, now)))

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:
        self._store(lambda session: _resolve(session, reconstruction, reason))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _store(self, job: Callable[[Session], object]) -> None:
        try:
            self._commit(job)
        except (OperationalError, OSError) as error:
            self._note(error)
            raise WireError(grpc.StatusCode.UNAVAILABLE, "store", _UNSTORED) from error
        except SQLAlchemyError as error:
            _log.exception("a message cannot be stored")
            raise WireError(grpc.StatusCode.INTERNAL, "store", _UNSTORED) from error
        self._note(None)

    def _note(self, error: Exception | None) -> None:
        """Log the first failure and the first success after it."""
        if self._well != (error is None):
            self._well = error is None
            if error:
                _log.error("the run cannot be stored; senders hold what they have", exc_info=error)
            else:
                _log.info("the run can be stored again")

    def _write(self, jobs: Sequence[Callable[[Session], object]]) -> None:
        with Session(self._engine) as session, session.begin():
            for job in jobs:
                job(session)

    def _add_truth(self, session: Session, truth: Truth) -> None:
        row = _newest(session, truth.frame_id)
        if row is not None and row.captured_at == truth.captured_at:
            return
        if row is None or row.captured_at is not None:
            row = FrameRow(frame_id=truth.frame_id)
            session.add(row)
        row.captured_at, row.label = truth.captured_at, truth.label
        for field in DEPLOYMENT_FIELDS:
            setattr(row, field, getattr(truth.deployment, field))
        if truth.HasField("secrets"):
            session.flush()
            session.add(SecretsRow(frame=row.id, message=truth.secrets.SerializeToString()))
        self._pictures.begin(truth.frame_id, truth.picture.png)

    def _add_score(self, session: Session, scored: ScoredReconstruction) -> None:
        frame = _newest(session, scored.truth.frame_id)
        if frame is not None:
            row = _score(frame, scored)
            session.add(row)
            if scored.recovery:
                session.flush()
                session.add(_recovery(row.id, scored.recovery))
            if scored.waited:
                _resolve(session, scored.reconstruction, None)
            told = scored.reconstruction
            if attacks.is_blind(told.attack):
                self._blind.add(told.rung or told.attack, told.picture.png)
            else:
                self._pictures.add(frame.frame_id, entry_name(told), told.picture.png)


def _newest(session: Session, frame_id: str) -> FrameRow | None:
    """The row that a frame id stands for."""
    return session.scalars(select(FrameRow).filter_by(frame_id=frame_id).order_by(FrameRow.id.desc()).limit(1)).first()


def _waiting(reconstruction: Reconstruction, at: float) -> UnmatchedRow:
    named = {name: getattr(reconstruction, name) for name in ("frame_id", "attack", "rung")}
    return UnmatchedRow(**named, at=at, reason=WAITING)


def _resolve(session: Session, reconstruction: Reconstruction, reason: str | None) -> None:
    """Settle the first waiting row of a reconstruction: it goes where there is a score, else it gets the reason."""
    named = {name: getattr(reconstruction, name) for name in ("frame_id", "attack", "rung")}
    query = select(UnmatchedRow).filter_by(**named, reason=WAITING).order_by(UnmatchedRow.id).limit(1)
    for row in session.scalars(query):
        if reason is None:
            session.delete(row)
        else:
            row.reason = reason


def _give_up_waiting(session: Session) -> None:
    """What an earlier life of the run held in memory waits no more."""
    session.execute(update(UnmatchedRow).where(UnmatchedRow.reason == WAITING).values(reason=ENDED))


def _add_outcome(session: Session, outcome: Outcome, at: float) -> None:
    row = _newest(session, outcome.frame_id)
    if row is None:
        row = FrameRow(frame_id=outcome.frame_id, edge=outcome.edge)
        session.add(row)
    row.concluded_at, row.dropped, row.prediction = at, outcome.dropped, outcome.prediction
    row.payload_bytes, row.stages = outcome.payload_bytes, dict(outcome.stages)
    add_found(session, row, outcome)


def _score(frame: FrameRow, scored: ScoredReconstruction) -> ScoreRow:
    told = scored.reconstruction
    return ScoreRow(
        frame=frame.id,
        frame_id=frame.frame_id,
        target=frame.target,
        cut=frame.cut,
        defence=frame.defence,
        codec=frame.codec,
        attack=told.attack,
        recipe=told.recipe,
        rung=told.rung,
        knowledge=told.knowledge,
        tap=told.tap,
        seed=told.seed,
        iteration=told.iteration,
        seconds=told.seconds,
        final=told.final,
        at=scored.at,
        psnr=scored.score.psnr,
        ssim=scored.score.ssim,
        queries=told.queries,
        trained_before=told.trained_before,
        metrics={name: value for name, value in scored.score.values.items() if name not in DEFAULT},
    )


def _recovery(score: int, found: Recovery) -> RecoveryRow:
    return RecoveryRow(
        score=score,
        plate=list(found.plate) if found.plate else None,
        attributes={name: list(pair) for name, pair in found.attributes.items()},
        identified=found.identified,
        gallery=found.gallery,
    )


def _truth(row: FrameRow, png: bytes, secrets: bytes | None) -> Truth:
    return Truth(
        frame_id=row.frame_id,
        picture=Picture(png=png),
        label=row.label,
        deployment=Deployment(**{field: getattr(row, field) for field in DEPLOYMENT_FIELDS}),
        captured_at=row.captured_at or 0.0,
        secrets=None if secrets is None else Secrets.FromString(secrets),
    )
