"""Real faces: a target and PATROL's head for it, attacked on people that no training has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.results.claims import told_more
from benchmarks.results.designs import BOXES, Box
from benchmarks.results.generators import GENERATORS
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, less_text, score_text, stronger
from benchmarks.results.steps import Step
from keyhole.service.errors import UsageError

WHOLE = ("--target", "resnet18", "--weights", "{model}/model.safetensors")
ATTACKS: Mapping[Box, str] = {"white": "diffusion-white", "black": "decoder-black"}
"""What every head is attacked by."""
BUDGETS: Mapping[Box, tuple[str, ...]] = {
    "white": ("--n", "32", "--batch", "8"),
    "black": ("--n", "100", "--batch", "20", "--iterations", "600", "--seeds", "0", "1", "2"),
}


@dataclass(frozen=True)
class RealFaces:
    """Heads of a target that was trained on the pool ``private``, attacked on the pool ``audit``; and all generators on
    the unpruned one at its deepest cut.

    Attributes:
        data: zip or folder of faces, a folder for each person.
        autoencoder: folder of the published autoencoder that the prior is made with; the prior's U-Net learns from the
            pool ``public``.
        unet_steps: of that U-Net.
    """

    data: Path
    autoencoder: Path
    unet_steps: int = 2500

    @cached_property
    def setups(self) -> tuple[tuple[str, dict[Box, Step]], ...]:
        """Title and attacks of each row."""
        pruned = ("--target", "pruned:{model}")
        return (
            ("unpruned, `layer2`", self._attacks("whole-layer2", WHOLE, "layer2", self._target)),
            ("unpruned, `layer3`", self._attacks("whole-layer3", WHOLE, "layer3", self._target)),
            ("PATROL, `layer3`", self._attacks("patrol", pruned, "layer3", self._patrol)),
        )

    @cached_property
    def generators(self) -> dict[str, Step]:
        """Every generator against the unpruned `layer3`, by attack."""
        return {
            f"{generator}-{box}": self._attack(
                "whole-layer3", f"{generator}-{box}", box, (*WHOLE, "--cuts", "layer3"), self._target
            )
            for box in BOXES
            for generator in GENERATORS
        }

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (*(step for _, attacks in self.setups for step in attacks.values()), *self.generators.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured.

        Raises:
            UsageError: a run attacked people that the target was trained on.
        """
        rows, base = [], None
        for title, attacks in self.setups:
            done = {box: step.scores(root) for box, step in attacks.items() if step.done(root)}
            for run in done.values():
                check_strangers(run)
            leaks = {box: Leak.of([run]) for box, run in done.items()}
            trained = next(iter(attacks.values())).needs["model"]
            rank_1 = f"{trained.card(root)['figures']['rank_1']:.1f} %" if trained.done(root) else NOT_YET
            told = [score_text(leaks[box]) if box in leaks else NOT_YET for box in ("white", "black")]
            strongest = stronger(leaks["white"], leaks["black"]) if len(leaks) == 2 else None
            base = base or leaks
            less = [
                less_text(leaks[box], base[box]) if base is not leaks and box in leaks and box in base else ""
                for box in ("white", "black")
            ]
            found = strongest.thumbnail if strongest else None
            rows.append([title, rank_1, *told, found.text if found else NOT_YET, *less])
        less_than = "SSIM less than unpruned at `layer2`"
        headings = ["", "rank-1", "white box", "black box", "thumbnail", f"{less_than}, white box", "black box"]
        return {"faces": table(headings, rows), "faces-generators": self._generators(root)}

    def _generators(self, root: Path) -> str:
        runs = {attack: step.scores(root) for attack, step in self.generators.items() if step.done(root)}
        for run in runs.values():
            check_strangers(run)
        leaks = {attack: Leak.of([run]) for attack, run in runs.items()}
        rows = []
        for box in BOXES:
            base: Leak | None = None
            for attack in (f"{generator}-{box}" for generator in GENERATORS):
                leak = leaks.get(attack)
                rows.append([f"`{attack}`", score_text(leak) if leak else NOT_YET, told_more(leak, base)])
                base = leak
        return table(["attack", "thumbnail; SSIM; PSNR", "more than the one above"], rows)

    @property
    def _target(self) -> Step:
        told = ("train", "target", "--task", "re-identification", "--data", str(self.data), "--size", "112")
        return Step(
            "faces-target",
            "folder",
            (
                *told,
                *("--stages", "64:8", "96:3", "112:2", "--init", "resnet18-tinyimagenet"),
                *("--held-out", "12", "--probes", "6", "--workers", "1"),
            ),
        )

    @property
    def _patrol(self) -> Step:
        told = ("train", "patrol", "--target", "resnet18", "--weights", "{whole}/model.safetensors", "--size", "112")
        stages = ("--stages", "56:6", "--rest", "56:8", "112:20", "--held-out", "12", "--probes", "6", "--workers", "1")
        arguments = (*told, "--cut", "layer3", "--room", "layer2", "--data", str(self.data), *stages)
        return Step("faces-patrol", "folder", arguments, {"whole": self._target})

    @property
    def _prior(self) -> Step:
        told = ("train", "prior", "--data", str(self.data), "--size", "128", "--autoencoder", str(self.autoencoder))
        widths = ("--unet-widths", "64", "96", "96", "--unet-steps", str(self.unet_steps))
        return Step("faces-prior", "folder", (*told, *widths))

    def _attacks(self, name: str, target: tuple[str, ...], cut: str, model: Step) -> dict[Box, Step]:
        return {
            box: self._attack(name, attack, box, (*target, "--cuts", cut), model) for box, attack in ATTACKS.items()
        }

    def _attack(self, name: str, attack: str, box: Box, target: tuple[str, ...], model: Step) -> Step:
        pictures = ("--size", "112", "--source", str(self.data), "--public", str(self.data), "--prior", "{prior}")
        told = ("attack", *target, *pictures, "--attacks", attack, *BUDGETS[box])
        return Step(f"faces-{name}-{attack}", "scores", told, {"model": model, "prior": self._prior})


def check_strangers(run: dict[str, Any]) -> None:
    """Refuse a run on people that the target was trained on, or one that does not say.

    Raises:
        UsageError: says how many.
    """
    counts = run.get("trained_on")
    if counts is None:
        raise UsageError("a run on faces does not say whom its target was trained on: train the target again")
    if counts["of_training_identities"]:
        raise UsageError(
            f"{counts['of_training_identities']} of {counts['pictures']} attacked faces are of people that the target "
            "was trained on"
        )
