"""Checkpoints as people have them."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from keyhole.cli import dispatch
from keyhole.targets import TargetError, load_target
from keyhole.targets.state_dicts import load_state, read_state
from keyhole.targets.weight_files import read_weight_file
from keyhole.train.weights import start_from

State = dict[str, Tensor]


def network(width: int = 4) -> nn.Sequential:
    stem = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))
    return nn.Sequential(stem, nn.Flatten(), nn.Linear(width, 5))


def weights(seed: int = 0, width: int = 4) -> State:
    generator = torch.Generator().manual_seed(seed)
    state = network(width).state_dict()
    return {
        name: torch.randn(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in state.items()
    }


def under(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def same(left: Any, right: State) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in right)


def saved(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


OTHER = {"heads.weight": torch.ones(9, 9), "heads.bottleneck.0.bias": torch.ones(9)}
ADAM = {"state": {0: {"step": torch.ones(()), "exp_avg": torch.ones(4, 3, 3, 3)}}, "param_groups": [{"lr": 0.1}]}
WRAPPED: dict[str, Callable[[State], object]] = {
    "DataParallel": lambda state: under("module.", state),
    "torch.compile": lambda state: under("_orig_mod.", state),
    "both": lambda state: under("module._orig_mod.", state),
    "DataParallel of a part": lambda state: {name.replace("0.", "0.module.", 1): state[name] for name in state},
    "FSDP": lambda state: {name.replace("0.", "0._fsdp_wrapped_module.", 1): state[name] for name in state},
    "AveragedModel": lambda state: under("module.", state) | {"n_averaged": torch.tensor(7)},
    "fast-reid": lambda state: {"model": under("backbone.", state) | OTHER, "optimizer": ADAM, "iteration": 3},
    "torchreid": lambda state: {"state_dict": under("module.", state), "rank1": np.float64(0.5), "optimizer": ADAM},
    "Lightning": lambda state: {
        "state_dict": under("model.net.", state) | {"loss.weight": torch.ones(3)},
        "hyper_parameters": argparse.Namespace(width=4, folder=Path("data")),
        "epoch": 3,
    },
    "torchvision": lambda state: {"model": state, "optimizer": ADAM, "args": argparse.Namespace(lr=0.1)},
    "DeepSpeed": lambda state: {"module": state, "optimizer": ADAM},
    "net": lambda state: {"net": state, "acc": 93.2, "epoch": 9},
    "params": lambda state: {"params": state},
    "teacher": lambda state: {"student": under("module.backbone.", weights(1)), "teacher": under("backbone.", state)},
    "EMA of timm": lambda state: {"state_dict": weights(1), "state_dict_ema": state},
    "EMA of torchvision": lambda state: {"model": weights(1), "model_ema": under("module.", state)},
    "a smaller student": lambda state: {"teacher": weights(1, width=8), "student": state},
    "parts": lambda state: {key: {n[2:]: t for n, t in state.items() if n[0] == key} for key in "02"},
    "numbers": lambda state: {
        "model": state,
        "best": np.float32(3),
        "history": np.arange(3),
        "at": datetime.datetime.min,
    },
}


@pytest.mark.parametrize("tool", WRAPPED)
def test_weights_are_found_as_tools_write_them(tool: str, tmp_path: Path) -> None:
    path = saved(WRAPPED[tool](weights()), tmp_path / "model.pth.tar-60")
    assert same(read_state(path, network().state_dict()).tensors, weights())


names = st.text("abcdeinov_0", min_size=1, max_size=6)


@given(
    wrappers=st.lists(names, max_size=3),
    prefix=st.lists(names, max_size=3),
    suffix=st.sampled_from([".pt", ".ckpt", ""]),
)
def test_any_prefix_in_any_dictionary(
    wrappers: list[str], prefix: list[str], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("weights") / f"best{suffix}"
    content: object = under("".join(f"{part}." for part in prefix), weights())
    save_file(content, str(path))
    assert same(read_state(path, network().state_dict()).tensors, weights())
    for wrapper in wrappers:
        content = {"epoch": 3, wrapper: content}
    assert same(read_state(saved(content, path), network().state_dict()).tensors, weights())


def test_a_model_around_the_one_in_the_file(tmp_path: Path) -> None:
    path = saved(weights(), tmp_path / "backbone.pth")
    wrapper = nn.ModuleDict({"backbone": network()})
    assert same(read_state(path, wrapper.state_dict()).tensors, under("backbone.", weights()))


def test_what_was_taken_of_several_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved({"encoder_q": weights(0), "encoder_k": weights(1)}, tmp_path / "moco.pth")
    with caplog.at_level(logging.WARNING):
        assert same(read_state(path, network().state_dict()).tensors, weights(0))
    assert "'encoder_q.' is taken, not 'encoder_k.'" in caplog.text


@pytest.mark.parametrize("broken", [float("nan"), 1.0])
def test_the_only_weights_of_a_file_are_not_several(
    broken: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither those that do not equal themselves, nor those that fit two places of the model as badly."""
    kept = {name: torch.full_like(tensor, broken) for name, tensor in weights().items() if tensor.is_floating_point()}
    path = saved(kept, tmp_path / "only.pth")
    twice = nn.ModuleDict({"first": network(), "second": network()})
    with caplog.at_level(logging.WARNING):
        read_state(path, network().state_dict())
        read_state(path, twice.state_dict())
    assert "several weights" not in caplog.text
    caplog.clear()
    saved({"a": weights(), "b": weights()}, path)
    read_state(path, network().state_dict())
    assert not caplog.records


def test_a_backbone_without_a_classifier_serves_as_a_head(tmp_path: Path) -> None:
    model = load_target("resnet18").model
    backbone = {name: value for name, value in model.state_dict().items() if not name.startswith("fc.")}
    path = saved({"model": under("backbone.", backbone) | OTHER}, tmp_path / "market.pth")
    with pytest.raises(TargetError, match=r"\(model\.backbone\.…\) do not fit.*missing: 2 \(fc\.weight.*--head-only"):
        load_target("resnet18", path)
    assert load_target("resnet18", path, strict=False).missing == ("fc.weight", "fc.bias")


def test_advice_is_given_only_where_it_helps(tmp_path: Path) -> None:
    """Not where the first layer is missing, nor where there is no such flag."""
    late = {name: value for name, value in weights().items() if name.startswith("2.")}
    with pytest.raises(TargetError, match=r"missing: \d+ \(0\.0\.weight") as raised:
        load_state(network(), late, "late.pth", strict=True, advice="use --head-only")
    assert "--head-only" not in str(raised.value)
    early = {name: value for name, value in weights().items() if not name.startswith("0.1.")}
    with pytest.raises(TargetError, match=r"missing: \d+ \(0\.1\.weight") as raised:
        start_from(network(), saved(early, tmp_path / "early.pth"))
    assert "--head-only" not in str(raised.value)


def test_other_names_are_shown_beside_those_in_the_file(tmp_path: Path) -> None:
    other = {"net": {"features.conv_1.weight": torch.ones(3), "features.bn_1.weight": torch.ones(3)}, "epoch": 3}
    path = saved(other, tmp_path / "other.pth")
    model = nn.ModuleDict({"features": nn.ModuleDict({"conv1": nn.Conv2d(3, 4, 3)})})
    with pytest.raises(
        TargetError, match=r"At the top is net \(2\), epoch; nearest to features\.conv1\.weight: net\.features\.conv_1"
    ):
        read_state(path, model.state_dict())


def test_other_names_of_some_parts_are_shown_beside_those_in_the_file(tmp_path: Path) -> None:
    renamed = {name.replace("2.", "head."): value for name, value in weights().items()}
    state = read_state(saved({"net": renamed}, tmp_path / "other.pth"), network().state_dict())
    with pytest.raises(TargetError, match=r"unexpected: 2 .*; advice; nearest to 2\.weight: head\.weight"):
        load_state(network(), state.tensors, state.source, strict=True, advice="advice")


def test_numbers_of_another_kind_are_not_taken_for_weights(tmp_path: Path) -> None:
    """Such as int8 levels whose scale lies elsewhere."""
    levels = weights() | {"2.weight": torch.ones(5, 4, dtype=torch.int8)}
    state = read_state(saved(levels, tmp_path / "int8.pth"), network().state_dict())
    with pytest.raises(TargetError, match=r"2\.weight is torch\.int8, expected torch\.float32"):
        load_state(network(), state.tensors, state.source, strict=True)
    floats = weights() | {"0.1.num_batches_tracked": torch.tensor(3.0)}
    assert load_state(network(), floats, "an average", strict=True) == []


def test_a_training_that_came_to_nothing_is_said(tmp_path: Path) -> None:
    ruined = weights() | {"0.0.bias": torch.tensor([1, torch.nan, 2, 3]).half()}
    with pytest.raises(TargetError, match=r"not a number \(NaN\): 1 \(0\.0\.bias\)"):
        load_state(network(), ruined, "ruined.pth", strict=True)


def script(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(path))


def cut_short(path: Path) -> None:
    saved(weights(), path)
    path.write_bytes(path.read_bytes()[:-100])


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty file": (lambda path: path.touch(), "the file is empty"),
    "a pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid"), "git lfs pull"),
    "a page": (lambda path: path.write_text("<!DOCTYPE html><title>Log in</title>"), "web page"),
    "TorchScript": (script, r"TorchScript.*torch\.jit\.load\('w\.pth'\)\.state_dict\(\)"),
    "a whole model": (lambda path: saved(network(), path), r"torch\.nn\.modules\..* Nothing .*model\.state_dict\(\)"),
    "NumPy": (
        lambda path: path.with_suffix(".npz").rename(path) if np.savez(path.with_suffix(".npz"), a=1) is None else 0,
        r"archive of a\.npy",
    ),
    "a part of a file": (cut_short, "cut short after"),
    "another pickle": (
        lambda path: path.write_bytes(pickle.dumps({"a": 1})),
        "damaged, or neither|no file of torch.save",
    ),
    "noise": (lambda path: path.write_bytes(b"\x17" * 99), "damaged, or neither|no file of torch.save"),
    "an optimiser": (
        lambda path: saved({"optimizer": {"param_groups": []}, "epoch": 3}, path),
        r"only optimizer \(1\), epoch",
    ),
    "a tensor": (lambda path: saved(torch.ones(3), path), "holds a Tensor, no state dict"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_loaded_is_explained(kind: str, tmp_path: Path) -> None:
    write, reason = REFUSED[kind]
    path = tmp_path / "w.pth"
    write(path)
    with pytest.raises(TargetError, match=reason) as raised:
        read_weight_file(path)
    assert not {"weights_only", "safe_globals", "trust"} & set(str(raised.value).replace("=", " ").split())
    assert "w.pth" in str(raised.value)


@given(
    content=st.binary(max_size=200), start=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x08\0\0\0\0\0\0\0{"])
)
def test_any_file_is_weights_or_refused(content: bytes, start: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("weights") / "w.pth"
    path.write_bytes(start + content)
    with pytest.raises(TargetError, match=r"w\.pth"):
        read_state(path, network().state_dict())


FILES: dict[str, Callable[[Path], object]] = {
    "zip": lambda path: saved({"net": weights(), "args": argparse.Namespace(lr=1)}, path),
    "pickle": lambda path: torch.save({"net": weights()}, path, _use_new_zipfile_serialization=False),
    "safetensors": lambda path: save_file(weights(), str(path)),
}


@given(data=st.data(), kind=st.sampled_from(sorted(FILES)))
def test_any_damage_is_refused_in_words(
    data: st.DataObject, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("weights") / "w.pth"
    FILES[kind](path)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(-len(content), len(content) - 1), min_size=1, max_size=9)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([None, -1, -200]))])
    with contextlib.suppress(TargetError):
        read_state(path, network().state_dict())


def test_a_checksum_that_is_wrong_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """torch reads such files without a word."""
    path = saved(weights(), tmp_path / "w.pth")
    content, value = path.read_bytes(), weights()["2.weight"].numpy().tobytes()
    assert content.count(value) == 1
    path.write_bytes(content.replace(value, bytes(len(value))))
    read_weight_file(path)
    assert "is damaged, or was written without a checksum" in caplog.text


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_let_through_is_never_built(zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The objects beside the weights are dropped by name; what they would be made of is not even looked up."""
    path, content = tmp_path / "w.pth", {"net": weights(), "args": argparse.Namespace(lr=1), "best": np.float64(1)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    allowed = set(torch.serialization.get_safe_globals())
    monkeypatch.delattr(argparse, "Namespace")
    assert read_weight_file(path).tensors.keys() == under("net.", weights()).keys()
    assert set(torch.serialization.get_safe_globals()) == allowed


def test_dictionaries_that_hold_one_another_end(tmp_path: Path) -> None:
    knot: dict[str, Any] = {"net": weights()}
    knot["self"] = knot
    bundle: dict[str, Any] = {"net": weights()}
    for _ in range(40):
        bundle = {"left": bundle, "right": bundle}
    for content in (knot, bundle):
        assert len(read_weight_file(saved(content, tmp_path / "w.pth")).tensors) == len(weights())


def test_the_costs_of_cuts_need_no_whole_model(tmp_path: Path) -> None:
    backbone = {name: value for name, value in load_target("resnet18").model.state_dict().items() if "fc" not in name}
    path = saved({"model": under("backbone.", backbone)}, tmp_path / "market.pth")
    assert dispatch(["cuts", "resnet18", "--size", "32", "--weights", str(path)], {}) == 0
