"""The tables of a run: frames, their secrets, scores of reconstructions, and reconstructions without one."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Holds the tables' metadata."""


class FrameRow(Base):
    """A frame of an edge: its truth's particulars and what became of it.

    ``frame_id`` may come again when an edge starts again; the newest row of that name is the one that is meant.
    """

    __tablename__ = "frames"

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[str] = mapped_column(String(128), index=True)
    captured_at: Mapped[float | None]  # Unix time, seconds; none: the truth never came
    label: Mapped[str] = mapped_column(default="")
    edge: Mapped[str] = mapped_column(default="")
    target: Mapped[str] = mapped_column(default="")
    cut: Mapped[str] = mapped_column(default="")
    codec: Mapped[str] = mapped_column(default="")
    defence: Mapped[str] = mapped_column(default="")
    link: Mapped[str] = mapped_column(default="")
    cloud: Mapped[str] = mapped_column(default="")
    tls: Mapped[bool] = mapped_column(default=False)
    slowdown: Mapped[float] = mapped_column(default=0.0, server_default="0")
    concluded_at: Mapped[float | None]  # none: still on its way
    dropped: Mapped[str] = mapped_column(default="")  # reason; empty: answered, once concluded
    prediction: Mapped[str] = mapped_column(default="")
    payload_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    stages: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)  # seconds by stage


class ScoreRow(Base):
    """A scored reconstruction, intermediate ones included. Of a frame, attack and rung the last row counts."""

    __tablename__ = "scores"
    __table_args__ = (Index("scores_by_frame_and_attack", "frame", "attack"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"))
    frame_id: Mapped[str] = mapped_column(String(128))
    target: Mapped[str]
    cut: Mapped[str]
    defence: Mapped[str]
    codec: Mapped[str]
    attack: Mapped[str] = mapped_column(String(64))
    recipe: Mapped[str] = mapped_column(String(32), default="", server_default="")
    rung: Mapped[str] = mapped_column(String(32), default="", server_default="")  # of a ladder; empty: it is none
    knowledge: Mapped[str]
    tap: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    iteration: Mapped[int] = mapped_column(BigInteger)  # optimiser or training steps spent
    seconds: Mapped[float]  # spent on this frame
    final: Mapped[bool]
    at: Mapped[float]  # Unix time of the verdict, seconds
    psnr: Mapped[float]  # dB, peak 1
    ssim: Mapped[float]


class SecretsRow(Base):
    """The secrets of a frame's truth, where they are known."""

    __tablename__ = "secrets"

    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    message: Mapped[bytes] = mapped_column(LargeBinary)  # keyhole.v1.Secrets


class RecoveryRow(Base):
    """What the judge read from a scored reconstruction."""

    __tablename__ = "recoveries"

    score: Mapped[int] = mapped_column(ForeignKey("scores.id"), primary_key=True)
    plate: Mapped[list[str] | None] = mapped_column(JSON)  # written, read
    attributes: Mapped[dict[str, list[str]]] = mapped_column(JSON)  # true, read
    identified: Mapped[bool | None]
    gallery: Mapped[int]  # vehicles


class AccountRow(Base):
    """What an edge counted in one life, by its newest account."""

    __tablename__ = "accounts"

    edge: Mapped[str] = mapped_column(String(128), primary_key=True)
    started_at: Mapped[float] = mapped_column(primary_key=True)  # Unix time, seconds
    taken: Mapped[int] = mapped_column(BigInteger)
    answered: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)  # by reason
    undelivered: Mapped[int] = mapped_column(BigInteger)  # messages


class UnmatchedRow(Base):
    """A reconstruction that came before its truth; it leaves when it has a score."""

    __tablename__ = "unmatched"

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[str] = mapped_column(String(128), index=True)
    attack: Mapped[str] = mapped_column(String(64))
    rung: Mapped[str] = mapped_column(String(32), default="", server_default="")
    reason: Mapped[str] = mapped_column(String(32), default="", server_default="no truth")  # why it has no score
    at: Mapped[float]
