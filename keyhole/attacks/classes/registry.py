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
from keyhole.extensions import extension_hash, label
from keyhole.service.errors import UsageError, unknown_name

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
class ChosenClassAttack:
    """A class attack that is to run, by one recipe.

    Attributes:
        attack: its name in the registry, or ``package.module:Class``.
        recipe_name: name of the recipe.
        entry: of the registry.
        recipe: how it works.
    """

    attack: str
    recipe_name: str
    entry: ClassEntry
    recipe: ClassRecipe

    @property
    def word(self) -> str:
        """``ATTACK``, or ``ATTACK/RECIPE`` where that is not the attack's first."""
        return self.attack if self.recipe_name == next(iter(self.entry.recipes)) else self.spelled

    @property
    def spelled(self) -> str:
        """``ATTACK/RECIPE``."""
        return f"{self.attack}/{self.recipe_name}"

    @property
    def name(self) -> str:
        """What its folder is called."""
        return label(self.word)

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

    @property
    def source_hash(self) -> str:
        """Of the file of a class of a user's own, see `keyhole.extensions.extension_hash`; else empty."""
        return extension_hash(self.attack) if ":" in self.attack else ""


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
    attack, _, own = word.partition("/")
    if attack in attacks:
        entry = attacks[attack]
    elif ":" in attack:
        entry = own_class_attack(attack)
    else:
        raise unknown_name("attack", attack, [*attacks, "package.module:Class"])
    recipe = own or next(iter(entry.recipes))
    if recipe not in entry.recipes:
        names = tuple(entry.recipes)
        raise UsageError(
            f"unknown recipe {recipe!r}: {attack} has {', '.join(names)}; one is named as in {attack}/{names[-1]}"
        )
    return ChosenClassAttack(attack, recipe, entry, entry.recipes[recipe])


def choose_class_attacks(words: Sequence[str]) -> tuple[ChosenClassAttack, ...]:
    """The attacks of several words, each once.

    Raises:
        UsageError: no such attack or recipe, or two words for the same.
    """
    chosen: dict[str, ChosenClassAttack] = {}
    for word in words:
        one = choose_class_attack(word)
        if any(one.spelled == other.spelled or one.name == other.name for other in chosen.values()):
            raise UsageError(f"--attacks names {one.spelled} twice")
        chosen[one.name] = one
    return tuple(chosen.values())
