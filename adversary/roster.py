"""The roster: what the adversary runs and how far each attack has got, told to the monitor from the start on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from keyhole.attacks.entry import OnlineRecipe, outlined
from keyhole.attacks.features.learner import TrainedNetwork
from keyhole.attacks.registry import ChosenAttack
from keyhole.service.lifecycle import Stop
from keyhole.v1.referee_pb2 import AttackStatus, RecallStatus, Roster

ANNOUNCE_SECONDS = 1.0


class AttackRoster:
    """The attacks and their rungs. Safe for several threads.

    Args:
        chosen: the attacks.
        tap: where they get their frames.
        queries: pictures that those that learn ask the oracle about; None: the recipes' own.
    """

    def __init__(self, chosen: Sequence[ChosenAttack[OnlineRecipe]], tap: str, queries: int | None) -> None:
        self._lock = threading.Lock()
        self._recall: RecallStatus | None = None
        self._entries = {
            (choice.name, rung.name): AttackStatus(
                attack=choice.name,
                recipe=choice.recipe_name,
                rung=rung.name,
                knowledge=rung.knowledge,
                tap=tap,
                training=rung.training,
            )
            for choice in chosen
            for rung in outlined(choice.recipe, queries)
        }

    def ready(self, attack: str) -> None:
        """An attack takes frames from now on, with all its rungs."""
        with self._lock:
            for entry in self._entries.values():
                entry.ready = entry.ready or entry.attack == attack

    def stepped(self, attack: str, rung: str) -> None:
        """Count a step, if it is one of a training."""
        with self._lock:
            entry = self._entries.get((attack, rung))
            if entry is not None and entry.training:
                entry.steps += 1

    def trained(self, attack: str, network: TrainedNetwork) -> None:
        """An attack begins with a network that was trained before."""
        with self._lock:
            for entry in self._entries.values():
                if entry.attack == attack and entry.training:
                    entry.steps = entry.training = network.step

    def recalling(self, status: RecallStatus) -> None:
        """How far the pictures of a classifier's classes are."""
        with self._lock:
            self._recall = status

    def message(self) -> Roster:
        """The roster as it is now."""
        with self._lock:
            return Roster(attacks=self._entries.values(), recall=self._recall)

    def announce(self, send: Callable[[Roster], object], stop: Stop) -> None:
        """Send it again and again on a thread of its own, until ``stop``."""

        def work() -> None:
            while not stop.is_set():
                send(self.message())
                stop.wait(ANNOUNCE_SECONDS)

        threading.Thread(target=work, name="roster", daemon=True).start()
