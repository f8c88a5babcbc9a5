"""Trained attackers in offline runs: what one must be of, and the networks that a run keeps and finds again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keyhole.attacks.attacker_key import AttackerKey, key_before_frames, network_recipe, plain_codec
from keyhole.attacks.entry import Recipe
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.registry import ChosenAttack
from keyhole.attacks.saved import AttackerCard, SavedAttacker, SavedAttackers, save_attacker
from keyhole.attacks.told import needs_captions
from keyhole.data.public import public_hash
from keyhole.defences import spelled
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.spent_training import SpentTraining
from keyhole.partition import Partition
from keyhole.service.errors import UsageError
from keyhole.service.files import OFFLINE, claim
from keyhole.targets import Target
from keyhole.targets.stored_weights import CARD, this_command
from keyhole.targets.target import NO_DEFENCE, defence_name

FOLDER = "attackers"
"""Of a run's folder: networks that it trained."""
_CPU_SECONDS = "cpu_seconds"


def attacker_key(
    settings: OfflineSettings, choice: ChosenAttack[Recipe], target: Target, partition: Partition
) -> AttackerKey:
    """What a network depends on that an attack would train.

    Raises:
        UsageError: its network cannot be saved, or no such defence, prior or public pictures.
    """
    recipe = network_recipe(choice.recipe)
    if recipe is None:
        raise UsageError(f"{choice.spelled} trains no network that is saved: name a black box, such as pixels-black")
    known = NO_DEFENCE if settings.unaware else settings.defence
    key = key_before_frames(
        recipe,
        settings,
        public_hash=public_hash(settings.public, target.preprocess.size),
        target=target.name,
        preprocess=target.preprocess,
        defence=known,
        uses_prior=choice.entry.uses_prior,
        looks=settings.frames,
    )
    return replace(
        key,
        target=target.name,
        model_hash=target.hash,
        cut=partition.plan.cut,
        defence=defence_name(target.defence, spelled(known)),
        codec=plain_codec(settings.codec),
    )


def found_attacker(
    settings: OfflineSettings, choice: ChosenAttack[Recipe], target: Target, partition: Partition, seed: int
) -> SavedAttacker | None:
    """The attacker that the flags name or the package has; None where the attack is to train its own.

    One of `--attackers` may have been trained as long as whoever trained it liked, unless the flags say how long. One
    of the package serves where it was trained just as the attack would be.

    Raises:
        UsageError: no attacker in a folder that is named, or none that serves.
    """
    recipe = network_recipe(choice.recipe)
    if recipe is None:
        return None
    named, shipped, word = SavedAttackers(settings.attackers, None), SavedAttackers(), choice.spelled
    if needs_captions(settings.text, (choice,)):
        if named.meant_for(recipe, word):
            raise UsageError(f"--attackers: none serves {word} with --text, which trains on captions")
        return None
    if named.meant_for(recipe, word):
        key = attacker_key(settings, choice, target, partition)
        sought = named.sought(key, word, steps=settings.iterations, queries=settings.queries)
        if sought.found is None:
            raise UsageError(
                f"--attackers: none serves {word} at {partition.plan.cut}. {'. '.join(sought.refused)}. Leave the flag "
                "out to have one trained now, or train one for this (keyhole train attacker --help)"
            )
        return sought.found
    if shipped.meant_for(recipe, word) and settings.queries is None:
        steps = recipe.steps() if settings.iterations is None else settings.iterations
        return shipped.sought(attacker_key(settings, choice, target, partition), word, steps=steps, seed=seed).found
    return None


class KeptAttackers:
    """Networks that runs into one folder have trained, in single precision: found again, they make the same pictures.

    Args:
        out: folder of the runs; None: nothing is kept.
        key: what a network depends on.
        steps: of its training.
        queries: that were asked for; None: the recipe's own.
        seed: of its training.
    """

    def __init__(self, out: Path | None, key: AttackerKey, steps: int, queries: int | None, seed: int) -> None:
        name = f"{key.digest}-{steps}-{'all' if queries is None else queries}-{seed}"
        self._folder = out / FOLDER / name if out else None
        if out:
            claim(out, OFFLINE)
        self._key, self._steps, self._seed = key, steps, seed

    def found(self) -> SavedAttacker | None:
        """The network, where it is kept.

        Raises:
            UsageError: its card or weights are damaged.
        """
        if self._folder is None or not (self._folder / CARD).is_file():
            return None
        saved = SavedAttacker.read(self._folder)
        if saved.card.of != self._key or (saved.card.steps, saved.card.seed) != (self._steps, self._seed):
            raise UsageError(f"{self._folder} holds another attacker than its name says: remove it")
        return saved

    @property
    def spent(self) -> SpentTraining | None:
        """What the training of the kept network took; None where none is kept, or it does not say.

        Raises:
            UsageError: it is damaged.
        """
        saved = self.found()
        if saved is None or _CPU_SECONDS not in saved.card.figures:
            return None
        card = saved.card
        return SpentTraining(card.steps, card.queries, labelled=False, cpu_seconds=card.figures[_CPU_SECONDS])

    def keep(self, attack: BlackBoxAttack, choice: ChosenAttack[Recipe], spent: SpentTraining) -> None:
        """Keep what an attack has trained, and what that took."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        card = card_of(attack, self._key, choice, self._seed, self._folder.name)
        told = replace(card, figures={_CPU_SECONDS: spent.cpu_seconds})
        save_attacker(told, attack.trained.network, self._folder, exact=True)


def card_of(
    attack: BlackBoxAttack, key: AttackerKey, choice: ChosenAttack[Recipe], seed: int, name: str
) -> AttackerCard:
    """The card of the network that an attack has trained, without figures."""
    trained = attack.trained
    return AttackerCard(
        name=name,
        attack=choice.spelled,
        key=vars(key),
        steps=trained.step,
        queries=trained.queries,
        seed=seed,
        shapes=trained.network.layout.shapes,
        variable=attack.variable,
        loss=trained.loss,
        data=f"{key.public}, pool public: {trained.queries} pictures and what the oracle answered",
        licence="Apache-2.0",
        figures={},
        command=this_command(),
        parameters=sum(weights.numel() for weights in trained.network.parameters()),
    )
