"""Recipes of attacks that know the head."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager

from keyhole.attacks.base import Access, Attack, RunSettings, WhiteBox
from keyhole.attacks.entry import Recipe
from keyhole.attacks.features.trying_texts import opened


class WhiteBoxRecipe(Recipe):
    """A recipe of an attack that is made from a `WhiteBox` and nothing else."""

    knowledge = "white box"

    @property
    @abstractmethod
    def iterations(self) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""

    @abstractmethod
    def make(self, known: WhiteBox, run: RunSettings) -> Attack:
        """The attack; if it is a context manager, it is ready once entered.

        Raises:
            UsageError: no prior where one is needed.
        """

    def steps(self, queries: int | None = None) -> int:  # noqa: ARG002
        """Steps of the optimiser for one frame."""
        return self.iterations

    def open(self, access: Access, run: RunSettings) -> AbstractContextManager[Attack]:
        """See `Recipe`."""
        return opened(self.make, access.white(), run)
