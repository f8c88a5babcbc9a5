"""Real faces: a target and PATROL's head for it, attacked on people that no training has seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, less_text, score_text, stronger
from benchmarks.results.steps import Step
from keyhole.service.errors import UsageError

BLACK = ("--attacks", "decoder-black", "--n", "100", "--batch", "20", "--iterations", "600", "--seeds", "0", "1", "2")
WHITE = ("--attacks", "diffusion-white", "--n", "32", "--batch", "8")


@dataclass(frozen=True)
class RealFaces:
    """One table: heads of a target that was trained on the pool ``private``, attacked on the pool ``audit``.

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
    def setups(self) -> tuple[tuple[str, dict[str, Step]], ...]:
        """Title and attacks of each row."""
        target, patrol, prior = self._target, self._patrol, self._prior
        weights = ("--target", "resnet18", "--weights", "{model}/model.safetensors")
        return (
            ("unpruned, `layer2`", self._attacks("whole-layer2", (*weights, "--cuts", "layer2"), target, prior)),
            ("unpruned, `layer3`", self._attacks("whole-layer3", (*weights, "--cuts", "layer3"), target, prior)),
            (
                "PATROL, `layer3`",
                self._attacks("patrol", ("--target", "pruned:{model}", "--cuts", "layer3"), patrol, prior),
            ),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(step for _, attacks in self.setups for step in attacks.values())

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
        return {"faces": table(headings, rows)}

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

    def _attacks(self, name: str, told: tuple[str, ...], model: Step, prior: Step) -> dict[str, Step]:
        pictures = ("--size", "112", "--source", str(self.data), "--public", str(self.data), "--prior", "{prior}")
        return {
            box: Step(
                f"faces-{name}-{box}",
                "scores",
                ("attack", *told, *pictures, *flags),
                {"model": model, "prior": prior},
            )
            for box, flags in (("white", WHITE), ("black", BLACK))
        }


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
