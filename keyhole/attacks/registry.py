"""Every attack by name, and the words that name attacks with their recipes: ``diffusion-white/guided``.

A word is parsed once, where a command begins; what travels from there is a `ChosenAttack`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

from keyhole.attacks import FLOOR, Suite
from keyhole.attacks.blind import BLIND, BLIND_ONLINE, BlindRecipe
from keyhole.attacks.entry import (
    BLACK_BOX_BUDGETS,
    BLACK_BOX_COST,
    WHITE_BOX_BUDGETS,
    WHITE_BOX_COST,
    AttackEntry,
    Cost,
    OnlineRecipe,
    Recipe,
    Spend,
)
from keyhole.attacks.features.filtered import FilteredRecipe
from keyhole.attacks.features.gaussianity import TextPrior, negentropy, printed_negentropy
from keyhole.attacks.features.guided import CLOSING, Guidance, GuidedRecipe
from keyhole.attacks.features.objective import (
    DENOISED,
    LATENT,
    NOISE,
    PAPER,
    PUBLISHED_UNTRAINED,
    SEED,
    STRONG,
    UNTRAINED,
)
from keyhole.attacks.features.prepared import PreparedRecipe
from keyhole.attacks.features.query_free import PUBLISHED_SHADOW, SHADOW, QueryFreeRecipe
from keyhole.attacks.features.rmle import RMLE, RmleRecipe
from keyhole.attacks.features.seeded import SeededRecipe
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.features.training import (
    DEFAULT_TRAINING,
    NOISE_TRAINING,
    PAPER_TRAINING,
    PREPARED_TRAINING,
)
from keyhole.attacks.features.variables import (
    decoder,
    diffusion,
    pixels,
    spectral,
    untrained,
    white_latents,
    white_noisy_latents,
)
from keyhole.attacks.features.white_box import OptimisedRecipe
from keyhole.attacks.ladders import (
    LADDERS,
    LEARNED,
    LEARNED_NOISY,
    LEARNED_ON_GRID,
    ONE_STEP,
    REFINED,
    REFINED_DENOISED,
)
from keyhole.attacks.own import own_attack
from keyhole.attacks.words import Chosen, all_different, entry_and_recipe
from keyhole.service.errors import UsageError, unknown_name

ATTACKS: Mapping[str, AttackEntry[Recipe]] = MappingProxyType(
    {
        "pixels-white": AttackEntry(
            {
                "strong": OptimisedRecipe(STRONG, spectral),
                "paper": OptimisedRecipe(PAPER, pixels),
                "filtered": FilteredRecipe(OptimisedRecipe(STRONG, spectral)),
                "rmle": RmleRecipe(10.0),
                "rmle-shallow": RmleRecipe(0.0),
                "rmle-deep": RmleRecipe(1000.0),
            },
            cost=Cost(1.2, 0.002),
            budgets={
                "quick": Spend(n=4, iterations=150),
                "standard": Spend(n=32, iterations=200),
                "paper": Spend(n=100, iterations=1500),
            },
            colour="#e8901a",
        ),
        "decoder-white": AttackEntry(
            {
                "strong": SeededRecipe(SEED, spectral, LATENT, white_latents),
                "paper": OptimisedRecipe(PAPER, decoder),
                "refined": REFINED,
            },
            uses_prior=True,
            cost=Cost(1.2, 0.0115, 1.1),
            colour="#2fae7d",
        ),
        "diffusion-white": AttackEntry(
            {
                "strong": SeededRecipe(SEED, spectral, DENOISED, white_noisy_latents, denoised=True),
                "noise": OptimisedRecipe(NOISE, diffusion, samples=True, told=TextPrior(negentropy)),
                "paper": OptimisedRecipe(PAPER, diffusion, samples=True, told=TextPrior(printed_negentropy)),
                "guided": GuidedRecipe(Guidance()),
                "refined": REFINED_DENOISED,
                "refined-guided": replace(
                    REFINED, first=LEARNED_ON_GRID, generator=white_noisy_latents, last=GuidedRecipe(CLOSING)
                ),
            },
            uses_prior=True,
            denoises=True,
            cost=Cost(1.2, 0.013, 1.1),
            colour="#e0567a",
        ),
        "dip-white": AttackEntry(
            {
                "strong": OptimisedRecipe(UNTRAINED, untrained),
                "paper": OptimisedRecipe(PUBLISHED_UNTRAINED, untrained),
            },
            cost=Cost(1.2, 0.03),
            colour="#b5651d",
        ),
        "pixels-black": AttackEntry(
            {
                "strong": TrainedRecipe(DEFAULT_TRAINING, pixels),
                "prepared": PreparedRecipe(PREPARED_TRAINING, pixels, beside=TrainedRecipe(DEFAULT_TRAINING, pixels)),
                "paper": TrainedRecipe(PAPER_TRAINING, pixels),
            },
            cost=Cost(8.0, 0.07, 0.05),
            budgets={
                "quick": Spend(n=16, iterations=150, queries=384, batch=16),
                "standard": Spend(n=100, iterations=1200, queries=2496, batch=20),
                "paper": Spend(n=100, iterations=3072, queries=4096, batch=20),
            },
            colour="#3d9be0",
        ),
        "decoder-black": AttackEntry(
            {"strong": LEARNED, "paper": TrainedRecipe(PAPER_TRAINING, decoder), "one-step": ONE_STEP},
            uses_prior=True,
            cost=Cost(8.0, 0.3, 0.2),
            colour="#12a5b8",
        ),
        "diffusion-black": AttackEntry(
            {
                "strong": LEARNED_NOISY,
                "noise": TrainedRecipe(NOISE_TRAINING, diffusion, samples=True, told=TextPrior(negentropy, weight=3.0)),
                "paper": TrainedRecipe(
                    PAPER_TRAINING, diffusion, samples=True, told=TextPrior(printed_negentropy, weight=3.0)
                ),
            },
            uses_prior=True,
            denoises=True,
            cost=Cost(8.0, 0.45, 0.1),
            colour="#a371f7",
        ),
        "query-free": AttackEntry(
            {
                "strong": QueryFreeRecipe(SHADOW, OptimisedRecipe(STRONG, spectral)),
                "paper": QueryFreeRecipe(
                    PUBLISHED_SHADOW, RmleRecipe(2.0, replace(RMLE, iterations=500, learning_rate=0.1))
                ),
            },
            classes=True,
            cost=Cost(1.2, 0.002),
            preparing=Cost(55.0, 0.0, whole=True),
            colour="#7a8b1f",
        ),
    }
)
"""Recipe `strong` is the best that each has: of decoder-white pixels, then latents; of diffusion-white the same with a
denoiser. The papers' DO, DB and DMB are recipe `paper`. A suite's figure of an attack is that of recipe `strong` with
the budget given here."""

USUAL = tuple(name for name, entry in ATTACKS.items() if not entry.classes)
"""Attacks that work on any target with any public pictures."""

ONLINE: Mapping[str, AttackEntry[OnlineRecipe]] = MappingProxyType({**ATTACKS, **LADDERS, FLOOR: BLIND_ONLINE})
"""All that the adversary's process can run."""

DEFAULT_RECIPE = "strong"
R_co = TypeVar("R_co", bound=OnlineRecipe, covariant=True)


@dataclass(frozen=True)
class ChosenAttack(Chosen[AttackEntry[R_co], R_co]):
    """An attack on features that is to run, by one recipe."""

    @property
    def trains(self) -> bool:
        """Whether it trains a network, so that its seed matters to all pictures at once."""
        return self.recipe.learns or (isinstance(self.recipe, Recipe) and self.recipe.prepares > 0)

    @property
    def cost(self) -> Cost:
        """How long it takes: the entry's figures, or those of attacks that know as much."""
        return self.entry.cost or (BLACK_BOX_COST if self.recipe.learns else WHITE_BOX_COST)

    @property
    def preparing(self) -> Cost:
        """How long a step of a training before the first frame takes, see `keyhole.attacks.entry.Recipe.prepares`."""
        return self.entry.preparing or BLACK_BOX_COST

    def spend(self, suite: Suite) -> Spend:
        """What a suite of the benchmark lets it spend on a cell."""
        usual = BLACK_BOX_BUDGETS if self.recipe.learns else WHITE_BOX_BUDGETS
        return self.entry.budgets.get(suite, usual[suite])


def choose(word: str, recipe: str, attacks: Mapping[str, AttackEntry[R_co]]) -> ChosenAttack[R_co]:
    """The attack of a word.

    >>> chosen = choose("diffusion-white/guided", "strong", ATTACKS)
    >>> chosen.attack, chosen.recipe_name, chosen.name
    ('diffusion-white', 'guided', 'diffusion-white-guided')

    Args:
        word: ``ATTACK`` or ``ATTACK/RECIPE``, the attack by its name in the registry or as ``package.module:Name``,
            see `keyhole.attacks.own.own_attack`.
        recipe: of an attack that names none.
        attacks: by name.

    Raises:
        UsageError: no such attack, or it has no such recipe.
    """
    attack, entry, chosen = entry_and_recipe(word, attacks, lambda name: _own(name, attacks), recipe)
    return ChosenAttack(attack, chosen, word, entry, entry.recipes[chosen])


def blind_recipes() -> tuple[ChosenAttack[BlindRecipe], ...]:
    """The blind attacker offline, once for each of its recipes; the best of them is its score."""
    return tuple(choose(f"{FLOOR}/{recipe}", DEFAULT_RECIPE, {FLOOR: BLIND}) for recipe in BLIND.recipes)


def choose_all(
    words: Sequence[str], recipe: str, attacks: Mapping[str, AttackEntry[R_co]]
) -> tuple[ChosenAttack[R_co], ...]:
    """The attacks of several words.

    Raises:
        UsageError: no such attack or recipe, or two words for the same.
    """
    chosen = tuple(choose(word, recipe, attacks) for word in words)
    all_different(chosen)
    return chosen


def _own(name: str, attacks: Mapping[str, AttackEntry[Any]]) -> AttackEntry[Any]:
    if name in LADDERS:
        rungs = f"{name.replace('ladder', 'black')} and {name.replace('ladder', 'white')}/refined"
        raise UsageError(f"{name} works on frames as they come, and not on pictures offline: its rungs {rungs} do")
    if ":" not in name:
        raise unknown_name("attack", name, [*attacks, "package.module:Class"])
    entry = own_attack(name)
    if not LADDERS.keys() <= attacks.keys() and not all(
        isinstance(recipe, Recipe) for recipe in entry.recipes.values()
    ):
        raise UsageError(f"{name} works on frames as they come, and not on pictures offline")
    return entry
