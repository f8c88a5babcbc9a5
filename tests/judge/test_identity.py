"""Judges of identity: MXNet's operations against MXNet's formulas, faces where the weights are, and one's own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from keyhole.data.sets.folders import list_folder
from keyhole.judge.identity import open_identity_judge
from keyhole.judge.mxnet_graph import MxnetGraph
from keyhole.service.errors import UsageError

DATA = Path(__file__).parents[3] / "shared" / "data"
FACES = DATA / "mobilefacenet.npz"
"""Beside the repository, for who has them."""


def node(op: str, name: str, inputs: list[int] | None = None, **attributes: str) -> dict[str, object]:
    return {"op": op, "name": name, "attrs": attributes, "inputs": [[place, 0, 0] for place in inputs or []]}


def write(folder: Path, *, op: str = "FullyConnected") -> Path:
    """A symbol with every operation, on 2×4×4 inputs, and its arrays."""
    nodes = [
        node("null", "data"),
        node("_minus_scalar", "less", [0], scalar="2.0"),
        node("_mul_scalar", "scaled", [1], scalar="0.5"),
        node("null", "conv_weight"),
        node("Convolution", "conv", [2, 3], kernel="(3, 3)", pad="(1, 1)", stride="(2, 2)", num_group="2", no_bias="T"),
        *(node("null", f"bn_{part}") for part in ("gamma", "beta", "moving_mean", "moving_var")),
        node("BatchNorm", "bn", [4, 5, 6, 7, 8], fix_gamma="True"),
        node("null", "slope"),
        node("LeakyReLU", "relu", [9, 10], act_type="prelu"),
        node("elemwise_add", "sum", [11, 9]),
        node("null", "fc_weight"),
        node("null", "fc_bias"),
        node(op, "fc", [12, 13, 14], num_hidden="3"),
    ]
    random = np.random.default_rng(0)
    shapes = {"conv_weight": (2, 1, 3, 3), "bn_gamma": 2, "bn_beta": 2, "bn_moving_mean": 2, "slope": 2}
    arrays = {name: random.normal(size=shape) for name, shape in shapes.items()}
    arrays |= {
        "bn_moving_var": random.uniform(0.5, 2, 2),
        "fc_weight": random.normal(size=(3, 8)),
        "fc_bias": [1, 2, 3],
    }
    np.savez(folder / "small.npz", **{name: np.asarray(array, np.float32) for name, array in arrays.items()})
    (folder / "small_symbol.json").write_text(json.dumps({"nodes": nodes, "heads": [[15, 0, 0]]}))
    return folder / "small.npz"


def test_a_graph_computes_what_mxnets_formulas_say(tmp_path: Path) -> None:
    path = write(tmp_path)
    arrays = dict(np.load(path))
    seen = np.random.default_rng(1).normal(size=(1, 2, 4, 4)).astype(np.float32)
    scaled = np.pad((seen - 2) * 0.5, ((0, 0), (0, 0), (1, 1), (1, 1)))
    folded = np.zeros((1, 2, 2, 2))
    for channel in range(2):
        for row in range(2):
            for column in range(2):
                window = scaled[0, channel, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
                folded[0, channel, row, column] = (window * arrays["conv_weight"][channel, 0]).sum()
    shift = [arrays[f"bn_{part}"].reshape(1, 2, 1, 1) for part in ("moving_mean", "moving_var", "beta")]
    normed = (folded - shift[0]) / np.sqrt(shift[1] + 1e-3) + shift[2]  # fix_gamma: no factor
    bent = np.where(normed > 0, normed, normed * arrays["slope"].reshape(1, 2, 1, 1))
    expected = (bent + normed).reshape(1, -1) @ arrays["fc_weight"].T + arrays["fc_bias"]
    got = MxnetGraph.load(path, tmp_path / "small_symbol.json")(torch.from_numpy(seen))
    assert np.allclose(got.numpy(), expected, atol=1e-4)


def test_a_graph_with_an_unknown_operation_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, op="SoftmaxOutput")
    with pytest.raises(UsageError, match="SoftmaxOutput"):
        MxnetGraph.load(path, tmp_path / "small_symbol.json")
    (tmp_path / "small_symbol.json").unlink()
    with pytest.raises(UsageError, match=r"small_symbol\.json is not beside it"):
        open_identity_judge(str(path))


class Colours:
    """Mean colours as an embedding."""

    threshold = 0.9

    def __call__(self, pictures: Tensor) -> Tensor:
        return pictures.mean(dim=(2, 3))


def scalars(pictures: Tensor) -> Tensor:
    return pictures.mean(dim=(1, 2, 3))


def test_an_embedder_of_a_users_own_is_named_by_its_class() -> None:
    judge = open_identity_judge("tests.judge.test_identity:Colours")
    assert judge.threshold == 0.9
    vectors = judge.embed(torch.rand(5, 3, 8, 8), batch=2)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(5), atol=1e-5)
    with pytest.raises(UsageError, match="expected N×D"):
        open_identity_judge("tests.judge.test_identity:scalars").embed(torch.rand(2, 3, 8, 8))
    with pytest.raises(UsageError, match=r"expected mobilefacenet\.npz"):
        open_identity_judge("mobilefacenet")
    with pytest.raises(UsageError, match="no such file"):
        open_identity_judge("nowhere/mobilefacenet.npz")


@pytest.mark.skipif(not FACES.is_file(), reason=f"{FACES.name} is not here")
def test_faces_at_64_pixels_are_told_apart_by_mobilefacenet() -> None:
    """Ten people of LFW: each picture at 64 pixels, against the centroids of the others'."""
    people = list_folder(DATA / "lfw-112.zip", "private/")
    chosen: dict[str, list[int]] = {}
    for index in range(len(people)):
        chosen.setdefault(str(people.facts(index).identity), []).append(index)
    some = {name: places[:8] for name, places in chosen.items()}
    assert len(some) >= 10
    pictures = torch.stack([people[place].picture for places in list(some.values())[:10] for place in places]).float()
    small = torch.nn.functional.interpolate(pictures / 255, (64, 64), mode="bilinear", antialias=True)
    judge = open_identity_judge(str(FACES))
    embedded = judge.embed(small).view(10, 8, -1)
    centroids = torch.nn.functional.normalize(embedded[:, :4].mean(dim=1), dim=1)
    found = (embedded[:, 4:] @ centroids.T).argmax(dim=2)
    assert (found == torch.arange(10)[:, None]).float().mean() >= 0.97
