"""Attackers that were trained before the tap was: which of them serves, as the frames say that come."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from adversary.settings import AdversarySettings
from keyhole.attacks.attacker_key import AttackerKey, key_before_frames, network_recipe, plain_codec
from keyhole.attacks.base import OracleAwayError
from keyhole.attacks.entry import OnlineRecipe
from keyhole.attacks.features.learner import TrainedNetwork
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.attacks.saved import SavedAttackers
from keyhole.data.public import public_hash
from keyhole.nn.device import device_named
from keyhole.service.lifecycle import Stop
from keyhole.targets.catalogue import Catalogue
from keyhole.targets.load import assemble
from keyhole.targets.target import Preprocess
from keyhole.v1.inference_pb2 import FrameHeader
from keyhole.wire.codec_registry import codec_name

_PATIENCE = 0.5
_LONGEST = 128  # characters of a header's field
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameOrigin:
    """The head that a frame came from, as its header says, and how it is packed."""

    target: str
    model_hash: str
    cut: str
    defence: str
    codec: str


class ObservedOrigin:
    """The origin of the newest frame. Nobody tells the adversary otherwise. Safe for several threads.

    The first frame that comes from elsewhere than the one before is warned of: networks stay as they were chosen.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._origin: FrameOrigin | None = None
        self._warned = False

    def note(self, header: FrameHeader, codec: int) -> None:
        """A frame came.

        Args:
            header: of the frame.
            codec: value of the proto's enum.
        """
        origin = FrameOrigin(
            target=header.target[:_LONGEST],
            model_hash=header.model_hash[:_LONGEST],
            cut=header.cut[:_LONGEST],
            defence=header.defence[:_LONGEST],
            codec=plain_codec(codec_name(codec)),
        )
        with self._changed:
            if self._origin not in (None, origin) and not self._warned:
                self._warned = True
                _log.warning(
                    "frames come from elsewhere than before; the attacks keep the networks that they began with",
                    extra={"before": str(self._origin), "now": str(origin)},
                )
            self._origin = origin
            self._changed.notify_all()

    def wait(self, seconds: float) -> FrameOrigin | None:
        """The origin, as soon as there was a frame; None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._origin is not None, seconds)
            return self._origin


class TrainedAttackers:
    """Finds the network of an attack among those that the flags name and the package has.

    Args:
        settings: of the adversary.
        origin: of the frames.
        stop: ends the wait for the first frame.
        told: called with an attack's name and the network that it begins with.
    """

    def __init__(
        self,
        settings: AdversarySettings,
        origin: ObservedOrigin,
        stop: Stop,
        told: Callable[[str, TrainedNetwork], object] = lambda *_: None,
    ) -> None:
        self._settings, self._origin, self._stop, self._told = settings, origin, stop, told
        self._saved = SavedAttackers(settings.attackers)

    def awaited(self, choice: ChosenAttack[OnlineRecipe]) -> bool:
        """Whether an attack may begin with a trained network, which only a frame can say.

        Raises:
            UsageError: such a network cannot be told from others: no such public pictures, prior or defence.
        """
        recipe = network_recipe(choice.recipe)
        if recipe is None or not self._saved.meant_for(recipe, choice.spelled):
            return False
        self._known(choice, recipe)
        return True

    def network(self, choice: ChosenAttack[OnlineRecipe], recipe: TrainedRecipe) -> TrainedNetwork | None:
        """The network that an attack begins with, as soon as a frame shows what it must be of; None where it has to
        learn, and the log says why.

        Raises:
            OracleAwayError: it was told to stop before there was a frame.
            UsageError: an attacker's card and weights do not agree.
        """
        settings = self._settings
        if not self._saved.meant_for(recipe, choice.spelled):
            return None
        known = self._known(choice, recipe)
        while (origin := self._origin.wait(_PATIENCE)) is None:
            if self._stop.is_set():
                raise OracleAwayError("no frame was tapped")
        key = dataclasses.replace(known, **dataclasses.asdict(origin))
        sought = self._saved.sought(key, choice.spelled, queries=settings.queries)
        facts: dict[str, object] = {"attack": choice.spelled}
        if sought.found is None:
            for reason in sought.refused:
                _log.warning(
                    "no trained attacker serves: it learns beside the frames", extra={**facts, "reason": reason}
                )
            return None
        network = sought.found.load(recipe, device_named(settings.device))
        _log.info("trained before", extra={**facts, **sought.found.facts, "folder": str(sought.found.folder)})
        self._told(choice.name, network)
        return network

    def _known(self, choice: ChosenAttack[OnlineRecipe], recipe: TrainedRecipe) -> AttackerKey:
        """What is known before the first frame."""
        settings, preprocess = self._settings, known_preprocess(self._settings)
        return key_before_frames(
            recipe,
            settings,
            public_hash=public_hash(settings.public, preprocess.size),
            target=settings.target,
            preprocess=preprocess,
            defence=settings.defence,
            uses_prior=choice.entry.uses_prior,
        )


def known_preprocess(settings: AdversarySettings) -> Preprocess:
    """What the target's pictures are brought to, from its architecture alone.

    Raises:
        TargetError: no such target.
    """
    entry = Catalogue().find(settings.target)
    if entry is None:
        return assemble(settings.target, size=settings.size).preprocess
    preprocess = entry.family.facts(entry.name).preprocess
    return preprocess if settings.size is None else dataclasses.replace(preprocess, size=settings.size)
