"""``keyhole layers``: a table and a plot of what each layer of a classifier matters to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.progress import track
from torch import Tensor

from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.evaluation.classes.pictures import read_private
from keyhole.evaluation.layers.fisher import (
    centroids_of,
    fisher_information,
    inversion_losses,
    layers_of,
    means_of,
    task_losses,
)
from keyhole.evaluation.layers.reconstructions import read_reconstructions
from keyhole.evaluation.layers.report import (
    INVERSION,
    TASK,
    LayerRow,
    layer_rows,
    layers_chart,
    layers_table,
)
from keyhole.evaluation.layers.settings import LayersSettings
from keyhole.evaluation.output import in_folder
from keyhole.presentation.charts.png import png
from keyhole.service.errors import UsageError, check_flags
from keyhole.service.files import DRAWING, check_file
from keyhole.targets import Target, load_target
from keyhole.terminal import terminal


def layers(settings: LayersSettings) -> int:
    """Measure, print, write what was asked for; return the exit code.

    Raises:
        MissingError: no private pictures, or no reconstructions.
        UsageError: the target is no classifier of the private pictures' classes, or a folder that names none of them.
    """
    check_flags([("--n", settings.n, settings.n >= 1, "1 or more")])
    check_file("--json", settings.json)
    check_file("--plot", settings.plot, DRAWING[:1])
    console = terminal()
    target = load_target(settings.target, settings.weights, size=settings.size)
    if not target.labels:
        raise UsageError(f"{target.name} has no classes: expected what `keyhole train target` makes of classes")
    classify = OpenClassifier(target.model, target.preprocess.normalise, len(target.labels))
    target.model.requires_grad_(True)
    with TemporaryDirectory() as spare:
        folder = settings.pictures or Path(spare)
        train, held_back = read_private(settings.inversion(), target, folder, console)
        made = None
        if settings.reconstructions:
            made = read_reconstructions(settings.reconstructions, target.labels, target.preprocess.size, console)
    found = layers_of(target.model, whole=settings.whole)
    task = held_back.some(_evenly(len(held_back.labels), settings.n))
    samples = {TASK: task_losses(classify, task.pictures / 255, task.labels)}
    if made:
        made = made.some(_evenly(len(made.labels), settings.n))
        centroids = centroids_of(classify, train.pictures / 255, train.labels, len(target.labels))
        if not centroids[made.labels].isfinite().all():
            raise UsageError("a reconstructed class has no private picture to compare with (--private, --part)")
        samples[INVERSION] = inversion_losses(classify, made.pictures / 255, made.labels, centroids)
    means = {
        kind: means_of(fisher_information(target.model, track(losses, kind, console=console)), found)
        for kind, losses in samples.items()
    }
    counts = {kind: len(losses) for kind, losses in samples.items()}
    rows = layer_rows(target, found, means)
    console.print(layers_table(target, rows, counts))
    _write(settings, target, rows, counts)
    return 0


def _evenly(count: int, most: int) -> Tensor:
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def _write(settings: LayersSettings, target: Target, rows: Sequence[LayerRow], counts: dict[str, int]) -> None:
    if settings.json:
        document = {
            "target": target.name,
            "model_hash": target.hash,
            "private": settings.private,
            "reconstructions": settings.reconstructions and str(settings.reconstructions),
            "pictures": counts,
            "layers": [
                {"layer": row.layer.name, "weights": row.weights, "fisher": row.means, "share_percent": row.shares}
                for row in rows
            ],
        }
        in_folder(settings.json).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if settings.plot:
        in_folder(settings.plot).write_bytes(png(layers_chart(rows)))
