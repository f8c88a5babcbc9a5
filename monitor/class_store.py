"""Final pictures of classes in a run's database, with the judges' verdicts."""

from __future__ import annotations

import time
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from keyhole.judge.class_verdict import ClassVerdict
from keyhole.v1.referee_pb2 import ClassPicture
from monitor.class_wall import ClassKey, Verdicts
from monitor.database import ClassPictureRow


def add_class_picture(session: Session, picture: ClassPicture) -> None:
    """Keep a final picture, unless there is one of its class and attack."""
    key = ClassKey.of(picture)
    if picture.final and session.get(ClassPictureRow, key) is None:
        message = picture.SerializeToString()
        session.add(ClassPictureRow(**key._asdict(), message=message, verdicts=None, at=time.time()))


def set_verdicts(session: Session, key: ClassKey, verdicts: Verdicts) -> None:
    """Keep what judges said of a picture that is kept."""
    row = session.get(ClassPictureRow, key)
    if row is not None:
        row.verdicts = [asdict(verdict) for verdict in verdicts]


def read_class_pictures(session: Session) -> list[tuple[ClassPicture, Verdicts | None]]:
    """All that are kept, oldest first, with the verdicts on them; None where nobody was asked."""
    rows = session.scalars(select(ClassPictureRow).order_by(ClassPictureRow.at)).all()
    return [
        (
            ClassPicture.FromString(row.message),
            None if row.verdicts is None else tuple(ClassVerdict(**each) for each in row.verdicts),
        )
        for row in rows
    ]
