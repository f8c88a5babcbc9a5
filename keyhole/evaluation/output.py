"""What the commands of offline attacks print and write alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from keyhole.defences import spelled
from keyhole.evaluation.findings import findings
from keyhole.evaluation.kept_texts import kept_text
from keyhole.evaluation.run import Evaluation
from keyhole.evaluation.scores import EvaluationRow
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.yardstick import Yardstick
from keyhole.sizes import size_text
from keyhole.targets.target import NO_DEFENCE


def tell(settings: OfflineSettings, rows: Sequence[EvaluationRow], yardstick: Yardstick, console: Console) -> None:
    """Print what was found."""
    for sentence in findings(rows, yardstick):
        console.print(sentence)
    for row in rows:
        if isinstance(cost := row.facts.get("attacker"), Mapping):
            console.print(
                f"{row.attack} learned before it saw a frame: {cost['steps']} steps on {cost['queries']} queries."
            )
    if trained := [f"{row.attack} {row.plan.cut} {row.prepared.text}" for row in rows if row.prepared]:
        console.print(f"Trained before the first picture: {'; '.join(trained)}.")
    for row in rows:
        if row.texts:
            kept = [text for texts in row.texts.values() for text in texts]
            console.print(kept_text(f"{row.attack} {row.plan.cut}", kept), markup=False)
    if settings.public != settings.source:
        console.print(
            f"The blind attacker knows --public {settings.public}, and the pictures are --source {settings.source}: "
            "name the same pool of pictures in both, and it knows the victim's world."
        )


def title_of(settings: OfflineSettings, done: Evaluation) -> str:
    """Target, size and defence, as the title of a table."""
    title = f"{done.target.name} at {size_text(done.target.preprocess.size)} px"
    if settings.clip > 1:
        title += f", clips of {settings.clip} frames" + (f" at stride {settings.stride}" if settings.stride > 1 else "")
    if settings.defence == NO_DEFENCE:
        return title
    looks = f", {settings.frames} looks at each picture" if settings.frames > 1 else ""
    unaware = ", unknown to the attack" if settings.unaware else ""
    return f"{title}, defence {spelled(settings.defence)}{looks}{unaware}"


def in_folder(path: Path) -> Path:
    """The path, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
