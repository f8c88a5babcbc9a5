"""Every class attack by name, and the words that name them with their recipes: ``latent/random``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from keyhole.attacks.classes.brep_mi import RepulsionRecipe
from keyhole.attacks.classes.diff_mi import RECIPES
from keyhole.attacks.classes.entry import ClassEntry, ClassRecipe
from keyhole.attacks.classes.genetic import GeneticRecipe
from keyhole.attacks.classes.gmi import GmiRecipe
from keyhole.attacks.classes.guided import ClassGuidedRecipe
from keyhole.attacks.classes.ked_mi import KedRecipe
from keyhole.attacks.classes.latent import LatentRecipe, at_random, at_the_best_liked, latents
from keyhole.attacks.classes.lomma import LommaRecipe
from keyhole.attacks.classes.mirror import MirrorRecipe
from keyhole.attacks.classes.own import own_class_attack
from keyhole.attacks.classes.plg_mi import PlgRecipe
from keyhole.attacks.classes.ppa import PpaRecipe
from keyhole.attacks.classes.public_rows import PublicBest, PublicMean, PublicMeanBest, PublicRandom
from keyhole.attacks.classes.vmi import VmiRecipe
from keyhole.attacks.entry import Cost
from keyhole.attacks.words import Chosen, all_different, entry_and_recipe
from keyhole.service.errors import unknown_name

_SHOWN = Cost(0.0, 0.0)
CLASS_ATTACKS: Mapping[str, ClassEntry] = MappingProxyType(
    {
        "latent": ClassEntry(
            {
                "strong": LatentRecipe(),
                "best": LatentRecipe(start=at_the_best_liked),
                "random": LatentRecipe(start=at_random),
                "decoder": LatentRecipe(components=latents),
                "decoder-random": LatentRecipe(components=latents, start=at_random),
            },
            title="coordinates among public pictures, optimised under a Gaussian prior",
            cost=Cost(3.0, 0.003),
            colour="#2fae7d",
        ),
        "guided": ClassEntry(
            {"strong": ClassGuidedRecipe()},
            title="a diffusion prior, guided by the classifier while it samples",
            cost=Cost(3.0, 0.035),
            colour="#a371f7",
        ),
        "diff-mi": ClassEntry(
            RECIPES,
            title="a diffusion model of the classifier's own labels of public pictures, and PGD",
            cost=Cost(12.0, 0.08, 0.45),
            colour="#c2185b",
        ),
        "plg-mi": ClassEntry(
            {"strong": PlgRecipe()},
            title="z of a GAN that is conditional on the classifier's own labels of public pictures",
            cost=Cost(6.0, 0.011),
            colour="#e8901a",
        ),
        "ked-mi": ClassEntry(
            {"strong": KedRecipe()},
            title="a Gaussian of each class over z of a GAN whose critic knows the classifier",
            cost=Cost(3.0, 0.006),
            colour="#3b82f6",
        ),
        "gmi": ClassEntry(
            {"strong": GmiRecipe()},
            title="z of a GAN of public pictures",
            cost=Cost(3.0, 0.006),
            colour="#d64545",
        ),
        "lomma": ClassEntry(
            {
                "strong": LommaRecipe(KedRecipe()),
                "gmi": LommaRecipe(GmiRecipe()),
                "no-students": LommaRecipe(KedRecipe(), augmented=False),
                "gmi-no-students": LommaRecipe(GmiRecipe(), augmented=False),
                "draw": LommaRecipe(KedRecipe(), "logit:p-reg=1,towards=draw"),
            },
            title="ked-mi or gmi against the classifier and its students, by the raw logit",
            cost=Cost(3.0, 0.025),
            colour="#1b5e20",
        ),
        "ppa": ClassEntry(
            {"strong": PpaRecipe()},
            title="the best of many draws of z, moved, and the most robust of them kept",
            cost=Cost(12.0, 0.012, 1.2),
            colour="#00838f",
        ),
        "mirror": ClassEntry(
            {"strong": MirrorRecipe(), "genetic": GeneticRecipe()},
            title="the best of many draws of z, moved within one deviation; genetic: bred, by confidences alone",
            cost=Cost(3.0, 0.006),
            colour="#6d4c41",
        ),
        "vmi": ClassEntry(
            {"strong": VmiRecipe()},
            title="a normalising flow of each class over z",
            cost=Cost(3.0, 0.007),
            colour="#7b1fa2",
        ),
        "brep-mi": ClassEntry(
            {"strong": RepulsionRecipe()},
            title="z walks to the middle of the class's region; labels only",
            cost=Cost(33.0, 0.02),
            colour="#455a64",
        ),
        "public-best": ClassEntry(
            {"strong": PublicBest()},
            title="the public picture that the classifier likes best",
            cost=_SHOWN,
            floor=True,
            colour="#8b949e",
        ),
        "public-mean-best": ClassEntry(
            {"strong": PublicMeanBest()},
            title="the mean of the thirty that it likes best",
            cost=_SHOWN,
            floor=True,
            colour="#aab1b9",
        ),
        "public-mean": ClassEntry(
            {"strong": PublicMean()},
            title="the mean public picture",
            cost=_SHOWN,
            floor=True,
            colour="#c6ccd2",
        ),
        "public-random": ClassEntry(
            {"strong": PublicRandom()}, title="a random public picture", cost=_SHOWN, floor=True, colour="#6e7781"
        ),
    }
)
"""Those with ``floor`` make nothing: they say what public pictures alone score. ``public-mean`` and ``public-random``
ask the classifier nothing; the other two choose by its answers."""
FLOORS = tuple(name for name, entry in CLASS_ATTACKS.items() if entry.floor)


@dataclass(frozen=True)
class ChosenClassAttack(Chosen[ClassEntry, ClassRecipe]):
    """A class attack that is to run, by one recipe. Its word names the recipe where that is not the attack's first."""

    def seconds(self, steps: int, forward: float, classes: int, each: int) -> float:
        """Seconds that pictures take, roughly; a training or fit before the first one is not counted.

        Args:
            steps: for a picture, or for all of a class where they share them.
            forward: seconds of the classifier's forward pass of one picture.
            classes: that are pictured.
            each: pictures of each.
        """
        cost, searches = self.entry.cost, classes * (1 if self.recipe.once_a_class else each)
        return searches * steps * (cost.forwards * forward + cost.step_seconds) + classes * each * cost.picture_seconds


def choose_class_attack(word: str, attacks: Mapping[str, ClassEntry] = CLASS_ATTACKS) -> ChosenClassAttack:
    """The attack of a word.

    >>> choose_class_attack("latent/random").spelled, choose_class_attack("latent").spelled
    ('latent/random', 'latent/strong')

    Args:
        word: ``ATTACK`` or ``ATTACK/RECIPE``, the attack by its name in the registry or as ``package.module:Class``,
            see `keyhole.attacks.classes.own`.
        attacks: by name.

    Raises:
        UsageError: no such attack, or it has no such recipe.
    """
    attack, entry, recipe = entry_and_recipe(word, attacks, lambda name: _own(name, attacks))
    short = attack if recipe == next(iter(entry.recipes)) else f"{attack}/{recipe}"
    return ChosenClassAttack(attack, recipe, short, entry, entry.recipes[recipe])


def choose_class_attacks(words: Sequence[str]) -> tuple[ChosenClassAttack, ...]:
    """The attacks of several words, each once.

    Raises:
        UsageError: no such attack or recipe, or two words for the same.
    """
    chosen = tuple(choose_class_attack(word) for word in words)
    all_different(chosen)
    return chosen


def _own(name: str, attacks: Mapping[str, ClassEntry]) -> ClassEntry:
    if ":" not in name:
        raise unknown_name("attack", name, [*attacks, "package.module:Class"])
    return own_class_attack(name)
