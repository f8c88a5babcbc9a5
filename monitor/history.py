"""Stored runs, read back from their databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import starmap
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, String, and_, case, cast, func, select
from sqlalchemy.orm import Session

from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.metrics.registry import metric_named
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.presentation import attacks
from keyhole.service.errors import UsageError
from keyhole.v1.referee_pb2 import ClassPicture
from keyhole.wire.pictures import entry_of
from monitor.alarm_threshold import AlarmThreshold, read_threshold
from monitor.class_store import read_class_pictures
from monitor.class_wall import Verdicts
from monitor.database import FILE, FrameRow, RecoveryRow, ScaleRow, ScoreRow, UnmatchedRow, open_database
from monitor.deployment import DEPLOYMENT_FIELDS, Deployment
from monitor.found_store import Found, read_found
from monitor.leaks import LeakScale
from monitor.ledger import FrameLedger, read_ledger

TIMED_FRAMES = 20_000


@dataclass(frozen=True, slots=True)
class LastScore:
    """The score that counts of an attack on a frame: that of its last reconstruction.

    Attributes:
        frame: the frame's row; frame ids may come again, rows do not.
        attack: with its rung, see `keyhole.wire.pictures.entry_name`.
        at: Unix time, seconds.
        values: by metric, PSNR and SSIM first.
        recovery: what the judge read from it; None where it was not asked.
        queries: pictures that an oracle was asked about for the network behind it.
        trained_before: whether that network was trained before the attack began.
    """

    frame: int
    frame_id: str
    attack: str
    knowledge: str
    tap: str
    iteration: int
    seconds: float
    final: bool
    at: float
    values: Mapping[str, float]
    recovery: Recovery | None = None
    queries: int = 0
    trained_before: bool = False

    @property
    def ssim(self) -> float:
        """The SSIM, by which a reconstruction counts as recognisable."""
        return self.values["ssim"]


@dataclass(frozen=True)
class AnsweredFrame:
    """An answered frame.

    Attributes:
        at: Unix time at which the edge was finished with it, seconds.
        stages: seconds by stage.
    """

    at: float
    stages: Mapping[str, float]
    payload_bytes: int


@dataclass(frozen=True)
class History:
    """A run.

    Attributes:
        frames: frames that the edges took, dropped ones included.
        dropped: frames by reason.
        unmatched: reconstructions without a score, by reason.
        scores: the score that counts of every frame and attack, oldest first.
        answered: the newest answered frames (at most 20,000), oldest first.
        deployments: the newest first.
        labels: frame id to label and prediction of the newest frame of that id among those scored.
        blind: the scores of all that the blind attacker showed, oldest first; they are no part of `scores`.
        scales: thumbnail scales of single truths, by the frame's row.
        threshold: of the alarm, as it was stored; None in runs that are older than it.
        classes: final pictures of training classes, oldest first, with the judges' verdicts.
        found: boxes that the cloud answered with, by the frame's row; of runs of earlier versions none.
    """

    frames: int
    frames_answered: int
    dropped: Mapping[str, int]
    unmatched: Mapping[str, int]
    scores: tuple[LastScore, ...]
    answered: tuple[AnsweredFrame, ...]
    deployments: tuple[Deployment, ...]
    labels: Mapping[str, tuple[str, str]]
    ledger: FrameLedger
    blind: tuple[LastScore, ...] = ()
    scales: Mapping[int, ThumbnailScale] = field(default_factory=dict)
    threshold: AlarmThreshold | None = None
    classes: tuple[tuple[ClassPicture, Verdicts | None], ...] = ()
    found: Mapping[int, Found] = field(default_factory=dict)

    @cached_property
    def floor(self) -> tuple[LastScore, ...]:
        """The scores of the blind attacker's best picture; empty where it showed none."""
        best = self.leaks.blind
        return tuple(score for score in self.blind if _rung(score) == best)

    @cached_property
    def leaks(self) -> LeakScale[int]:
        """States leaks of the run's frames."""
        found: LeakScale[int] = LeakScale(max(len(self.scales), len(self.blind)) + 1)
        for frame, scale in self.scales.items():
            found.add_scale(frame, scale)
        for score in self.blind:
            found.add_blind(score.frame, _rung(score), score.ssim)
        return found

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that some score has a value of, PSNR and SSIM first.

        Raises:
            UsageError: one is of a package that cannot be loaded here.
        """
        return tuple(metric_named(name) for name in dict.fromkeys(name for each in self.scores for name in each.values))


def read_history(run: Path, url: str | None = None) -> History:
    """Read a stored run; the monitor that writes it may be at work.

    Raises:
        UsageError: there is no run.
    """
    if url is None and not (run / FILE).is_file():
        raise UsageError(f"no run at {run}: expected the folder that `keyhole monitor --run` wrote, with {FILE} in it")
    engine = open_database(run, url)
    try:
        return _read(engine)
    finally:
        engine.dispose()


def _read(engine: Engine) -> History:
    answered = and_(FrameRow.concluded_at.is_not(None), FrameRow.dropped == "")
    with Session(engine) as session:
        scores = _last_scores(session)
        return History(
            frames=_count(session, FrameRow.id > 0),
            frames_answered=_count(session, answered),
            dropped=_dropped(session),
            unmatched=_unmatched(session),
            scores=tuple(score for score in scores if not attacks.is_blind(score.attack)),
            answered=_timed(session, answered),
            deployments=_deployments(session),
            labels=_labels(session),
            ledger=read_ledger(session),
            blind=tuple(score for score in scores if attacks.is_blind(score.attack)),
            scales=_scales(session),
            found=read_found(session),
            threshold=read_threshold(session),
            classes=tuple(read_class_pictures(session)),
        )


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count(FrameRow.id)).where(condition)).one()


def _dropped(session: Session) -> dict[str, int]:
    query = select(FrameRow.dropped, func.count(FrameRow.id)).where(FrameRow.dropped != "").group_by(FrameRow.dropped)
    return dict(session.execute(query.order_by(FrameRow.dropped)).all())


def _unmatched(session: Session) -> dict[str, int]:
    query = select(UnmatchedRow.reason, func.count(UnmatchedRow.id)).group_by(UnmatchedRow.reason)
    return dict(session.execute(query.order_by(UnmatchedRow.reason)).all())


def _last_scores(session: Session) -> tuple[LastScore, ...]:
    last = select(func.max(ScoreRow.id)).group_by(ScoreRow.frame, ScoreRow.attack, ScoreRow.rung)
    made = (ScoreRow.frame, ScoreRow.frame_id, ScoreRow.attack, ScoreRow.knowledge, ScoreRow.tap)
    spent = (ScoreRow.iteration, ScoreRow.seconds, ScoreRow.final, ScoreRow.at)
    asked = (ScoreRow.queries, ScoreRow.trained_before)
    found = (RecoveryRow.score, RecoveryRow.plate, RecoveryRow.attributes, RecoveryRow.identified, RecoveryRow.gallery)
    metrics = case((cast(ScoreRow.metrics, String).in_(("{}", "null")), None), else_=ScoreRow.metrics)
    query = select(ScoreRow.rung, ScoreRow.psnr, ScoreRow.ssim, metrics, *found, *made, *spent, *asked)
    query = query.outerjoin(RecoveryRow, RecoveryRow.score == ScoreRow.id).where(ScoreRow.id.in_(last))
    return tuple(starmap(_last_score, session.execute(query.order_by(ScoreRow.id))))


def _last_score(
    rung: str,
    psnr: float,
    ssim: float,
    metrics: Mapping[str, float] | None,
    score: int | None,
    plate: Sequence[str] | None,
    attributes: Mapping[str, Sequence[str]],
    identified: bool | None,
    gallery: int,
    frame: int,
    frame_id: str,
    attack: str,
    knowledge: str,
    tap: str,
    iteration: int,
    seconds: float,
    final: bool,
    at: float,
    queries: int,
    trained_before: bool,
) -> LastScore:
    recovery = None if score is None else _recovery(plate, attributes, identified, gallery)
    values = {"psnr": psnr, "ssim": ssim, **(metrics or {})}
    name = entry_of(attack, rung)
    spent = iteration, seconds, final, at
    return LastScore(frame, frame_id, name, knowledge, tap, *spent, values, recovery, queries, trained_before)


def _recovery(
    plate: Sequence[str] | None, attributes: Mapping[str, Sequence[str]], identified: bool | None, gallery: int
) -> Recovery:
    read = {name: (pair[0], pair[1]) for name, pair in attributes.items()}
    return Recovery((plate[0], plate[1]) if plate else None, read, identified, gallery)


def _rung(score: LastScore) -> str:
    return score.attack.partition(".")[2] or score.attack


def _scales(session: Session) -> dict[int, ThumbnailScale]:
    rows = session.execute(select(ScaleRow.frame, ScaleRow.scale).order_by(ScaleRow.frame))
    return {frame: ThumbnailScale.from_json(scale) for frame, scale in rows}


def _timed(session: Session, answered: ColumnElement[bool]) -> tuple[AnsweredFrame, ...]:
    columns = (FrameRow.concluded_at, FrameRow.stages, FrameRow.payload_bytes)
    rows = session.execute(select(*columns).where(answered).order_by(FrameRow.id.desc()).limit(TIMED_FRAMES)).all()
    return tuple(AnsweredFrame(at or 0.0, stages, size) for at, stages, size in reversed(rows))


def _deployments(session: Session) -> tuple[Deployment, ...]:
    columns = [getattr(FrameRow, field) for field in DEPLOYMENT_FIELDS]
    query = select(*columns).where(FrameRow.captured_at.is_not(None)).group_by(*columns)
    return tuple(Deployment(*row) for row in session.execute(query.order_by(func.max(FrameRow.id).desc())))


def _labels(session: Session) -> dict[str, tuple[str, str]]:
    scored = select(ScoreRow.frame)
    query = select(FrameRow.frame_id, FrameRow.label, FrameRow.prediction).where(FrameRow.id.in_(scored))
    return {name: (label, prediction) for name, label, prediction in session.execute(query.order_by(FrameRow.id))}
