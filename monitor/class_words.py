"""The wall of classes in words, for the page and the report."""

from __future__ import annotations

from collections.abc import Iterator

from keyhole.v1.referee_pb2 import ClassPicture
from monitor.class_wall import PicturedClass, WallSnapshot


def wall_state(wall: WallSnapshot) -> str:
    """How far the adversary is."""
    finished, wanted = sum(entry.picture.final for entry in wall.made.values()), len(wall.names)
    if wall.status is None:
        return f"{finished} of {wanted}; the adversary is not there"
    return f"{wall.status.state}, {finished} of {wanted}"


def wall_lines(wall: WallSnapshot) -> Iterator[str]:
    """What the adversary does, then what each judge says of all pictures."""
    status = wall.status
    if status is not None:
        parts = [f"{status.attack} ({status.knowledge}) on {status.target}", status.doing]
        yield " · ".join(filter(None, parts))
    for judge in wall.judges:
        right, asked = wall.recognised(judge)
        if not asked:
            yield f"Judge {judge}: has seen no finished picture of a class that it knows"
            continue
        of_floor, shown = wall.recognised(judge, floor=True)
        beside = f"; in the public pictures that the classifier likes best, {of_floor} of {shown}" if shown else ""
        yield (f"Judge {judge} recognises {right} of {asked} classes; guessing gets one in {wall.among(judge)}{beside}")
    if wall.judging:
        yield wall.judging[:1].upper() + wall.judging[1:]


def verdict_text(made: PicturedClass | None, wall: WallSnapshot) -> str:
    """What is said of a class's picture, in a few words."""
    if made is None:
        return "no picture yet"
    if not made.picture.final:
        return _progress(made.picture)
    if made.verdicts:
        return " · ".join(
            f"{found.judge}: recognised"
            if found.recognised
            else f"{found.judge}: takes it for {found.seen}, place {found.rank} of {found.classes}"
            for found in made.verdicts
        )
    if made.verdicts is not None:
        return "finished; no judge knows this class"
    return "finished; no judge" if wall.unjudged else "finished; not judged yet"


def _progress(picture: ClassPicture) -> str:
    return f"step {picture.iteration:,} of {picture.iterations:,}" if picture.iterations else "under way"
