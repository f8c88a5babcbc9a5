"""Parts of the embedded world: projection, faces, glyphs, light, sheets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keyhole.data.command import streetcam
from keyhole.data.settings import StreetcamSettings
from keyhole.data.streetcam.camera import look
from keyhole.data.streetcam.identity import BODIES, vehicle
from keyhole.data.streetcam.keyed_random import Draw
from keyhole.data.streetcam.lettering import ALPHABET, glyph
from keyhole.data.streetcam.light import FIRST_HOUR, LAST_HOUR, light
from keyhole.data.streetcam.mesh import smooth
from keyhole.data.streetcam.model import build
from keyhole.data.streetcam.raster import Pose, pick, planes
from keyhole.data.streetcam.sensor import smear
from keyhole.data.streetcam.stream import Streetcam


def test_draws_depend_on_the_key_alone() -> None:
    assert [Draw("a", 1).unit() for _ in range(3)] == [Draw("a", 1).unit()] * 3
    assert Draw("a", 1).unit() != Draw("a", 2).unit()
    assert all(2 <= Draw("b", i).bell(2, 5) < 5 for i in range(50))
    picks = {Draw("c", i).weighted((("x", 1.0), ("y", 0.0))) for i in range(20)}
    assert picks == {"x"}


def test_a_view_projects_as_a_pinhole_camera() -> None:
    view = look((10.0, 0.0, 2.0), (0.0, 0.0, 2.0))
    x, y, scale = view.pixel((0.0, 1.0, 3.0))
    assert (x, y, scale) == pytest.approx((0.1, -0.1, 0.1))
    pixels, depth = view.project(np.array([[0.0, 1.0, 3.0]]))
    assert pixels[0].tolist() == pytest.approx([0.1, -0.1])
    assert depth[0] == pytest.approx(10)
    assert view.times(2).pixel((0.0, 1.0, 3.0))[2] == pytest.approx(0.2)


def test_a_pose_turns_there_and_back() -> None:
    pose = Pose(3.0, -2.0, 0.4)
    assert pose.back(pose.point((1.0, 2.0, 3.0))) == pytest.approx((1.0, 2.0, 3.0))
    assert pose.move(np.array([[1.0, 2.0, 3.0]]))[0].tolist() == pytest.approx(list(pose.point((1.0, 2.0, 3.0))))


def test_planes_reproduce_linear_values() -> None:
    pixels = np.array([[[0.0, 0.0], [40.0, 0.0], [40.0, 30.0], [0.0, 30.0]]])
    values = (2.0 + 0.5 * pixels[..., :1] - 0.25 * pixels[..., 1:]).reshape(1, 4, 1)
    assert planes(values, pixels)[0, 0].tolist() == pytest.approx([2.0, 0.5, -0.25], abs=0.05)


def test_normals_are_smooth_and_point_outwards() -> None:
    angle = np.linspace(0, 2 * np.pi, 25)
    tube = np.stack([[np.full_like(angle, x), np.cos(angle), np.sin(angle)] for x in (0.0, 1.0, 2.0)]).transpose(
        0, 2, 1
    )
    quads, normals = smooth(tube)
    radial = quads * np.array([0, 1, 1])
    inner = (normals * radial).sum(-1)[:, 1:-1]
    assert inner.min() > 0.99


def test_every_body_is_built_symmetric_and_on_the_ground() -> None:
    found = set()
    for number in range(60):
        car = vehicle(0, number)
        if car.body in found:
            continue
        found.add(car.body)
        model = build(car)
        low, high = model.faces.points.min(axis=0), model.faces.points.max(axis=0)
        assert -0.05 <= low[2] < 0.12
        assert high[1] == pytest.approx(-low[1], abs=0.12)
        assert model.shape.length * 0.95 < high[0] - low[0] < model.shape.length + 0.8
        assert model.shape.height * 0.9 < high[2] < model.shape.height + 0.6
        assert np.isfinite(model.faces.normals).all()
    assert found == set(BODIES)


@pytest.mark.parametrize("face", ["round", "angular"])
def test_glyphs_differ_from_one_another(face: str) -> None:
    shapes = np.stack([np.asarray(glyph(c, face).reduce(7), dtype=float).reshape(-1) for c in ALPHABET])
    apart = np.abs(shapes[:, None] - shapes[None]).mean(axis=2) + 1e3 * np.eye(len(ALPHABET))
    assert apart.min() > 6


def test_light_follows_the_day() -> None:
    noon, night = light("street", 13, "clear"), light("street", 22, "clear")
    assert sum(noon.direct) > 4 * sum(night.direct)
    assert night.lamps
    assert not noon.lamps
    assert light("street", 13, "fog").fog > noon.fog
    for hour in range(FIRST_HOUR, LAST_HOUR):
        sun = light("bridge", hour, "snow").sun
        assert sum(value * value for value in sun) == pytest.approx(1, abs=1e-2)
        assert sun[2] > 0


def test_samples_average_to_the_coverage() -> None:
    face_map = np.zeros((4, 4), dtype=np.int32)
    face_map[:2, :2] = 1
    face_map[2, 2] = 2
    samples = pick(face_map, np.zeros(3, dtype=bool))
    assert len(samples.plain) == 1
    colours = np.full((3, len(samples.face)), 200, dtype=np.uint8)
    result = samples.gather(colours)
    assert result[0, 0].tolist() == [200, 200, 200, 255]
    assert result[1, 1].tolist() == [50, 50, 50, 63]
    assert result[0, 1].tolist() == [0, 0, 0, 0]


def test_smear_spreads_along_the_way() -> None:
    layer = np.zeros((9, 9, 4), dtype=np.uint8)
    layer[4, 4] = 240
    spread = smear(layer, (4.0, 0.0))
    assert (spread[4, 2:7, 0] > 0).all()
    assert spread[3].max() == spread[5].max() == 0
    assert smear(layer, (0.3, 0.2)) is layer


def test_the_command_writes_a_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sheets" / "sheet.png"
    assert streetcam(StreetcamSettings(sheet=path, show="clip", size=64)) == 0
    with Image.open(path) as sheet:
        assert sheet.size == (8 * 64, 8 * 64)
    assert str(path.name) in capsys.readouterr().out.replace("\n", "")


def test_the_package_offers_its_front_door() -> None:
    import keyhole.data.streetcam as package

    assert package.Streetcam is Streetcam
    with pytest.raises(AttributeError):
        _ = package.nothing


def test_flags_and_pools_come_without_torch() -> None:
    code = (
        "import sys, keyhole.data, keyhole.data.settings, keyhole.data.streetcam.pools\n"
        "assert not {'torch', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
