"""A snapshot of a run: what the page shows at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyhole.judge.recovery import Recovery
from keyhole.metrics.thumbnails import Thumbnail
from keyhole.presentation import attacks
from keyhole.v1.referee_pb2 import Detection, Outcome
from monitor.class_wall import WallSnapshot
from monitor.deployment import Deployment
from monitor.leak_meter import LeakPoint
from monitor.leaks import AttackLeak

BLIND = "~blind"
"""In the place of a frame id, which begins with a letter or digit."""
_STALE_SECONDS = 60.0


@dataclass(frozen=True)
class Attempt:
    """An attack's newest reconstruction of a frame.

    Attributes:
        attack: with its rung, see `keyhole.wire.pictures.entry_name`; so in the other classes here.
        values: by metric.
        version: changes with every new picture.
        at: Unix time, seconds.
        recovery: what the judge read from it; None where it was not asked.
        clip: ids of the frames that it was reconstructed together with, in their order, its own among them; or none.
        queries: pictures that an oracle was asked about for the network behind it.
        trained_before: whether that network was trained before the attack began.
        text: which of several texts on the frame was kept; empty: there were none to choose from.
    """

    frame_id: str
    attack: str
    knowledge: str
    tap: str
    values: Mapping[str, float]
    iteration: int
    seconds: float
    final: bool
    backlog: int
    skipped: int
    at: float
    version: int
    recovery: Recovery | None = None
    clip: tuple[str, ...] = ()
    queries: int = 0
    trained_before: bool = False
    text: str = ""

    @property
    def ssim(self) -> float:
        """SSIM."""
        return self.values["ssim"]


@dataclass(frozen=True)
class AttackProgress:
    """How far an attack has got, as its adversary says.

    Attributes:
        ready: it takes frames.
        steps: of its training so far.
        training: steps after which its network counts as trained; 0: it trains none.
    """

    knowledge: str
    tap: str
    ready: bool
    steps: int
    training: int

    @property
    def trained(self) -> float:
        """Share of its training that is done, 1 where there is none."""
        return min(1.0, self.steps / self.training) if self.training else 1.0


@dataclass(frozen=True)
class ScorePoint:
    """Values by metric on the time axis; ``at`` is Unix time, seconds."""

    at: float
    values: Mapping[str, float]
    final: bool


@dataclass(frozen=True)
class AttackedFrame:
    """A frame and what was made of it, by attack.

    Attributes:
        seen_at: when its picture was taken: Unix time, seconds.
        detections: boxes that the cloud answered with.
        size: height and width of the picture, in pixels.
    """

    frame_id: str
    label: str
    seen_at: float
    attempts: Mapping[str, Attempt]
    detections: tuple[Detection, ...] = ()
    size: tuple[int, int] = (1, 1)

    @property
    def finished(self) -> int:
        """Attacks that are finished with it."""
        return sum(attempt.final for attempt in self.attempts.values())

    @property
    def worked_at(self) -> float:
        """When the newest of its reconstructions came: Unix time, seconds."""
        return max(attempt.at for attempt in self.attempts.values())


@dataclass(frozen=True)
class ShownClip:
    """Frames that are reconstructed together.

    Attributes:
        ids: of the frames, in their order.
        frames: those of them that are known, each in its place.
        attacks: that work on them, in the order of display.
    """

    ids: tuple[str, ...]
    frames: tuple[AttackedFrame | None, ...]
    attacks: tuple[str, ...]

    def made_by(self, attack: str) -> tuple[Attempt | None, ...]:
        """What an attack made of each frame; None where it has none of the clip yet."""
        found = (frame.attempts.get(attack) if frame else None for frame in self.frames)
        return tuple(attempt if attempt and attempt.clip == self.ids else None for attempt in found)


@dataclass(frozen=True)
class BlindPicture:
    """What the blind attacker shows of every frame.

    Attributes:
        rung: how it was chosen.
        version: changes with the picture.
        values: mean by metric over the newest frames.
    """

    rung: str
    version: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Absence:
    """A process that has ended.

    Attributes:
        since: Unix time, seconds.
        last_words: how it ended, then the end of its log.
    """

    since: float
    last_words: tuple[str, ...]


@dataclass(frozen=True)
class LiveSnapshot:
    """What the page shows.

    Attributes:
        version: changes whenever anything does.
        deployment: of the newest frame; none before the first.
        now: Unix time, seconds.
        attacks: names in the order of display: those that have a score, and those that an adversary says it runs.
        progress: by attack, what its adversary says; without those that none spoke of.
        current: by attack, its newest reconstruction.
        settled: by attack, its newest final reconstruction.
        frames: attacked frames, the newest first.
        points: scores by attack, oldest first; the blind attacker's best picture among them.
        leaks: by attack, over its newest finished frames.
        leak_points: what they were from time to time, oldest first.
        thumbnails: what single reconstructions equal, by frame and attack, where the frame's scale is measured.
        blind: the blind attacker's best picture; None: it has shown none.
        outcomes: of the newest frames, oldest first.
        seen: frames witnessed since the monitor started.
        dropped: frames by reason.
        rate: frames a second, over the last ten.
        age: seconds since the newest frame; none before the first.
        queues: depths by name.
        absences: processes that have ended, by name.
        wall: of classes; None: no adversary pictures any.
    """

    version: int
    now: float
    deployment: Deployment | None
    attacks: tuple[str, ...]
    progress: Mapping[str, AttackProgress]
    current: Mapping[str, Attempt]
    settled: Mapping[str, Attempt]
    frames: tuple[AttackedFrame, ...]
    points: Mapping[str, tuple[ScorePoint, ...]]
    leaks: Mapping[str, AttackLeak]
    leak_points: Mapping[str, tuple[LeakPoint, ...]]
    thumbnails: Mapping[tuple[str, str], Thumbnail]
    blind: BlindPicture | None
    outcomes: tuple[Outcome, ...]
    seen: int
    answered: int
    dropped: Mapping[str, int]
    unmatched: int
    rate: float
    age: float | None
    queues: Mapping[str, int]
    absences: Mapping[str, Absence]
    wall: WallSnapshot | None = None

    def title(self, name: str) -> str:
        """An attack as a heading."""
        told = self.progress.get(name) or self.current.get(name)
        return attacks.title(name, told.knowledge if told else "")

    @property
    def shown(self) -> AttackedFrame | None:
        """The frame that is shown large, by all attacks together: the newest of those that most attacks finished or,
        where none did, work on. One that nobody has worked on for long gives way, or an attack that ended would hold
        it for ever. None before the first reconstruction.
        """
        return max(self._fresh, key=lambda frame: (frame.finished, len(frame.attempts)), default=None)

    @property
    def shown_clip(self) -> ShownClip | None:
        """The clip that is shown large: the newest of those that most attacks work on. None where none is."""
        made: dict[tuple[str, ...], dict[str, float]] = {}
        for frame in self._fresh:
            for attempt in frame.attempts.values():
                if attempt.clip:
                    at = made.setdefault(attempt.clip, {})
                    at[attempt.attack] = max(attempt.at, at.get(attempt.attack, 0.0))
        if not made:
            return None
        ids = max(made, key=lambda clip: (len(made[clip]), max(made[clip].values())))
        known = {frame.frame_id: frame for frame in self.frames}
        attacks_on = tuple(name for name in self.attacks if name in made[ids])
        return ShownClip(ids, tuple(known.get(each) for each in ids), attacks_on)

    @property
    def _fresh(self) -> Sequence[AttackedFrame]:
        """Frames that somebody has worked on lately; all where nobody has."""
        longest = max((each.seconds for frame in self.frames for each in frame.attempts.values()), default=0.0)
        oldest = self.now - _STALE_SECONDS - 3 * longest
        return [frame for frame in self.frames if frame.worked_at >= oldest] or self.frames
