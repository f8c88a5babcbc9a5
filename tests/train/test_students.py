"""``keyhole train prior --kind students``: each learns the target's answers; a stopped training goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from keyhole.priors.students import load_students
from keyhole.service.errors import UsageError
from keyhole.targets.target import Preprocess, TargetError
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior import students
from keyhole.train.prior.kinds import train_prior
from keyhole.train.prior.students import StudentTraining
from tests.attacks.tiny_classes import CLASSES, SIDE, Net, public, white_box
from tests.data.layouts import draw, shade
from tests.train.generator_making import settings

FEW = {"students": ("narrow:resnet18-8",), "student_epochs": 3, "student_batch": 8}


def test_students_come_nearer_to_the_targets_answers() -> None:
    known = white_box()
    pictures = (public(64) * 255).to(torch.uint8)
    told = known.public_answers.logits.softmax(dim=1)
    torch.manual_seed(1)
    taught = nn.ModuleList([Net(), Net()])
    plan = StudentTraining(
        taught,
        pictures,
        told,
        Preprocess(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        **{"epochs": 1, "batch": 16, "optimisation": Optimisation(0.1), "look": lambda _: ""},
    )
    assert plan.steps == plan.every == 4
    seen = torch.cat([batch.inputs for batch in plan.batches(0, 4)])
    assert sorted(seen.sum((1, 2, 3)).tolist()) == pytest.approx(sorted((pictures / 255).sum((1, 2, 3)).tolist()))
    adam, losses = torch.optim.Adam(taught.parameters(), 1e-2), []
    for _ in range(20):
        for batch in plan.batches(0, 4):
            adam.zero_grad()
            each = plan.losses(taught, batch)
            sum(each.values()).backward()  # type: ignore[union-attr]
            adam.step()
            losses.append([float(loss.detach()) for loss in each.values()])
    assert all(last < first / 2 for first, last in zip(losses[0], losses[-1], strict=True))


def test_a_stopped_training_ends_where_an_unbroken_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class KilledError(Exception):
        pass

    class Killed(StudentTraining):
        def batches(self, first: int, last: int):
            if first:
                raise KilledError
            return super().batches(first, last)

    whole, stopped = (settings(tmp_path, "students", out, **FEW) for out in ("whole", "stopped"))
    assert train_prior(whole) == 0
    with monkeypatch.context() as patch:
        patch.setattr(students, "StudentTraining", Killed)
        with pytest.raises(KilledError):
            train_prior(stopped)
    assert train_prior(stopped) == 0
    unbroken, resumed = (load_file(flags.out / "student-0.safetensors") for flags in (whole, stopped))
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value, rtol=2e-3, atol=2e-3)
    found = load_students(whole.out)
    assert found.models[0](torch.rand(2, 3, SIDE, SIDE)).shape == (2, CLASSES)
    assert set(found.card.figures) == {"agreement_0"}


def test_agreement_is_measured_on_public_pictures_that_none_learns_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [f"{part}/person-{number}/0.png" for part in ("private", "public") for number in range(20)]
    draw(tmp_path / "faces", paths)
    asked: list[torch.Tensor] = []
    known_target = students.known_target
    monkeypatch.setattr(
        students,
        "known_target",
        lambda target, shown, device: asked.append(shown) or known_target(target, shown, device),
    )
    flags = {**FEW, "student_epochs": 1, "audit": 3, "data": str(tmp_path / "faces")}
    assert train_prior(settings(tmp_path, "students", **flags)) == 0
    learned, apart = ([int(picture[0, 0, 0]) for picture in pictures] for pictures in asked)
    assert (len(learned), len(apart)) == (17, 3)
    assert sorted(learned + apart) == sorted(shade(path) for path in paths if path.startswith("public"))
    with pytest.raises(UsageError, match=r"4 pictures of .*: expected 5 or more"):
        train_prior(settings(tmp_path, "students", "few", **{**flags, "pictures": 4}))


def test_an_architecture_that_there_is_not_is_refused(tmp_path: Path) -> None:
    wrong = settings(tmp_path, "students", **{**FEW, "students": ("narrow:nothing",)})
    with pytest.raises(TargetError, match="narrow:nothing"):
        train_prior(wrong)
