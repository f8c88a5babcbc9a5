"""Trials: one attack with one seed on one cut, described and run without processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from keyhole.attacks.attacker_key import network_recipe
from keyhole.attacks.base import Access, Attack, BlackBox, Budget, Estimate, Observation, RunSettings, Watch, WhiteBox
from keyhole.attacks.cloud_side import CloudSide
from keyhole.attacks.entry import Recipe
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.learner import TrainedNetwork
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.attacks.saved import SavedAttacker
from keyhole.attacks.told import needs_captions, texts_for
from keyhole.data.public import labelled_pictures
from keyhole.defences import UNPROTECTED, Defence, SeveralLooks, defence_hash, defence_named, randomness, spelled
from keyhole.evaluation.attackers import KeptAttackers, attacker_key, found_attacker
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.spent_training import SpentTraining, tell_training
from keyhole.evaluation.victim import LocalOracle, Victim, observations
from keyhole.evaluation.world import blind_access, described, known_clips
from keyhole.nn.device import device_named
from keyhole.nn.untrained_copy import untrained_copy
from keyhole.partition import Partition
from keyhole.priors.prior import prior_hash
from keyhole.service.errors import UsageError
from keyhole.targets import Target
from keyhole.targets.target import defence_name


@dataclass(frozen=True)
class Trial:
    """One attack with one seed, as it is run on the pictures.

    Attributes:
        settings: what all attacks have in common.
        choice: the attack.
        seed: of the attack.
        shown: seed that chooses the pictures.
        saved: an attacker that was trained before; None: it trains its own, where it learns.
    """

    settings: OfflineSettings
    choice: ChosenAttack[Recipe]
    seed: int
    shown: int
    saved: SavedAttacker | None = None

    def prepared(self, target: Target, partition: Partition) -> Trial:
        """The same with the attacker that was trained for it before, where there is one.

        Raises:
            UsageError: one is named and does not serve.
        """
        return replace(self, saved=found_attacker(self.settings, self.choice, target, partition, self.seed))

    @property
    def steps(self) -> int:
        """Steps of one optimisation, or of the training of an attack that learns."""
        if self.saved:
            return self.saved.card.steps
        if self.settings.iterations is not None:
            return self.settings.iterations
        return self.choice.recipe.steps(self.settings.queries)

    @property
    def training_steps(self) -> int:
        """Steps of the training before an attack's first frame; 0 where training is all that the attack does."""
        steps = self.choice.recipe.prepares
        given = self.settings.training_steps
        return given if steps and given is not None else steps

    @property
    def together(self) -> int:
        """Pictures that are attacked together: whole clips."""
        return self.settings.batch * self.settings.clip

    def description(self, target: Target) -> dict[str, object]:
        """Every fact that a reconstruction depends on."""
        return {**common_facts(self.settings, target), **self.facts, "seed": self.seed, "pictures_seed": self.shown}

    @property
    def facts(self) -> dict[str, object]:
        """The facts of `description` beside `common_facts` and the seeds."""
        settings, choice = self.settings, self.choice
        return {
            "attack": choice.attack,
            "knowledge": choice.recipe.knowledge,
            "recipe": choice.recipe_name,
            **({"attack_hash": choice.source_hash} if choice.source_hash else {}),
            "iterations": self.steps,
            "batch": settings.batch,
            "public": settings.public,
            "queries": settings.queries,
            "training_steps": self.training_steps,
            "patience": settings.patience,
            **({"smoothing": settings.smoothing} if settings.smoothing is not None else {}),
            **(_prior(settings) if choice.entry.uses_prior else {}),
            **({"attacker": self.saved.facts} if self.saved else {}),
        }


def common_facts(settings: OfflineSettings, target: Target) -> dict[str, object]:
    """Facts of target, defence and pictures, which all attacks of a run share."""
    mechanism = defence_hash(settings.defence)
    return {
        "target": target.name,
        "model_hash": target.hash,
        "size": target.preprocess.size,
        "defence": defence_name(target.defence, spelled(settings.defence)),
        "codec": settings.codec,
        "aware": not settings.unaware,
        "source": settings.source,
        "every": settings.every,
        **({"showing": settings.showing} if settings.showing else {}),
        **({"mechanism_hash": mechanism} if mechanism else {}),
        **({"frames": settings.frames} if settings.frames > 1 else {}),
        **({"clip": settings.clip, "stride": settings.stride} if settings.clip > 1 else {}),
    }


def _prior(settings: OfflineSettings) -> dict[str, object]:
    return {
        "prior": settings.prior,
        "prior_hash": prior_hash(settings.prior, told=bool(settings.text)),
        "sampling_steps": settings.sampling_steps,
        **({"text": settings.text if len(settings.text) > 1 else settings.text[0]} if settings.text else {}),
    }


@dataclass(frozen=True)
class OfflineAttack:
    """An attack on one cut.

    Attributes:
        trial: which attack, and how.
        target: the whole model.
        partition: the model, cut.
        stepped: called after every step of an optimiser.
        noted: called with the loss of every step.
        interval: seconds between the estimates of `watched`.
        spent: called with what a training before the first picture took, where there was one.
    """

    trial: Trial
    target: Target
    partition: Partition
    stepped: Callable[[], object]
    noted: Callable[[float], object] = lambda _: None
    interval: float = math.inf
    spent: Callable[[SpentTraining], object] = lambda _: None

    def reconstruct(self, pictures: Tensor, batches: Sequence[Sequence[int]]) -> Iterator[Estimate]:
        """The final estimate of each batch, in order.

        Args:
            pictures: of the run, N×3×H×W.
            batches: numbers of those that are attacked together.

        Raises:
            UsageError: no such prior, defence or device, or an attack of a user's own makes other pictures.
        """
        for batch, estimates in zip(batches, self.watched(pictures, batches), strict=True):
            shape, last = (len(batch), *pictures.shape[1:]), None
            for last in estimates:  # noqa: B007
                pass
            if last is None or last.pictures.shape != shape:
                got = "nothing" if last is None else tuple(last.pictures.shape)
                raise UsageError(f"{self.trial.choice.word} made {got} of frames whose pictures are {shape}")
            yield last

    def watched(self, pictures: Tensor, batches: Sequence[Sequence[int]]) -> Iterator[Iterator[Estimate]]:
        """The estimates of each batch as they get better, the final one last; arguments and errors of `reconstruct`."""
        started = time.process_time()
        with self.trial.choice.recipe.open(self.access, self.terms) as attack:
            tell_training(attack, started, partial(self._spent, attack))
            if isinstance(attack, BlackBoxAttack) and attack.trained.before and (kept := self._kept) and kept.spent:
                self.spent(kept.spent)
            for batch in batches:
                yield attack.reconstruct(self._sent(pictures, batch))

    def _spent(self, attack: Attack, spent: SpentTraining) -> None:
        self.spent(spent)
        if isinstance(attack, BlackBoxAttack) and (kept := self._kept):
            kept.keep(attack, self.trial.choice, spent)

    def course(
        self, pictures: Tensor, batches: Sequence[Sequence[int]], steps: Sequence[int]
    ) -> Iterator[list[Estimate]]:
        """What an attack that learns makes of all batches, each time that one training has come to so many steps.

        It is to the bit what trainings of so many steps would make, one for each number.

        Args:
            pictures: see `reconstruct`.
            batches: see `reconstruct`.
            steps: ascending.

        Raises:
            TypeError: the recipe's training has an end of its own, or the attack does not learn.
        """
        recipe = self.trial.choice.recipe
        if not (isinstance(recipe, TrainedRecipe) and recipe.training.epochs is None):
            raise TypeError(f"{self.trial.choice.spelled} has no training that could go on")
        attack, done = recipe.make(self.access.black(), replace(self.terms, trained=lambda _: None)), 0
        for more in steps:
            attack.train(more - done)
            done = more
            yield [list(attack.reconstruct(self._sent(pictures, batch)))[-1] for batch in batches]

    def _sent(self, pictures: Tensor, batch: Sequence[int]) -> list[Observation]:
        victim = Victim(self._white(self._seen), self.trial.seed, self.trial.settings.codec)
        return observations(victim.send(pictures[list(batch)], batch))

    @property
    def terms(self) -> RunSettings:
        """How the attack is run."""
        trial, settings = self.trial, self.trial.settings
        return RunSettings(
            Budget(trial.steps),
            trial.seed,
            Watch(self.interval, self.stepped, self.noted),
            settings.threads,
            trial.steps if trial.choice.recipe.learns else trial.training_steps,
            settings.sampling_steps,
            settings.queries,
            settings.patience,
            settings.smoothing,
            settings.clip,
            self._trained,
            texts_for(settings.text, trial.choice),
        )

    def _trained(self, recipe: TrainedRecipe) -> TrainedNetwork | None:
        """A network that was trained before: the trial's, or one that a run into the same folder has kept."""
        saved = self.trial.saved or (self._kept.found() if self._kept else None)
        return saved.load(recipe, device_named(self.trial.settings.device)) if saved else None

    @property
    def _kept(self) -> KeptAttackers | None:
        """What a run's folder keeps; None where it has none, or the attack's network is not saved."""
        trial, settings = self.trial, self.trial.settings
        told = needs_captions(settings.text, (trial.choice,))
        if settings.out is None or trial.saved or told or network_recipe(trial.choice.recipe) is None:
            return None
        of = attacker_key(settings, trial.choice, self.target, self.partition), trial.steps, settings.queries
        return KeptAttackers(settings.out, *of, trial.seed)

    @property
    def access(self) -> Access:
        """What the attack may know."""
        settings, size, seed = self.trial.settings, self.target.preprocess.size, self.trial.seed
        blind, queries = blind_access(settings, size, seed), described(settings.public, size, seed)
        defence = SeveralLooks(self._known, settings.frames, self._known)
        known = replace(self._white(defence), prior=blind.prior, public=blind.public, described=queries)

        def black() -> BlackBox:
            clips = partial(known_clips, settings, size=size, seed=seed)
            oracle = self._oracle("oracle", defence)
            return BlackBox(oracle, blind.public(), known.size, blind.prior, blind.device, clips, queries)

        return Access(lambda: known, black, lambda: blind, lambda: self._cloud(defence))

    def _white(self, defence: Defence) -> WhiteBox:
        preprocess, device = self.target.preprocess, device_named(self.trial.settings.device)
        head = self.partition.head.to(device)
        return WhiteBox(head, preprocess.normalise, preprocess.size, defence=defence, device=device)

    def _cloud(self, defence: Defence) -> CloudSide:
        settings, preprocess, labels = self.trial.settings, self.target.preprocess, self.target.labels
        shadow = partial(untrained_copy, self.partition.head)
        labelled = partial(labelled_pictures, settings.public, preprocess.size, self.trial.seed, labels)
        device, pictured = device_named(settings.device), (preprocess.normalise, preprocess.size)
        return CloudSide(shadow, self.partition.tail, *pictured, labelled, defence, device)

    @property
    def _known(self) -> Defence:
        """The defence of a frame, as the attack knows it."""
        return UNPROTECTED if self.trial.settings.unaware else defence_named(self.trial.settings.defence)

    @property
    def _seen(self) -> Defence:
        """The defence that features go through before the attack gets them."""
        settings = self.trial.settings
        return SeveralLooks(defence_named(settings.defence), settings.frames, self._known)

    def _oracle(self, role: str, defence: Defence) -> LocalOracle:
        return LocalOracle(self._white(defence), randomness(self.trial.seed, role), self.trial.settings.codec)
