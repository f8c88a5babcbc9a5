"""What a demo refuses before it starts anything, and what it says that it would run."""

from __future__ import annotations

import socket

import pytest
import torch

from keyhole.cli import dispatch
from keyhole.demo.settings import DemoSettings
from keyhole.demo.system import System
from keyhole.service.launcher import Launcher
from tests.data.layouts import draw

MODEL = """
from torch import nn

def factory():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.Flatten(), nn.LazyLinear(4))
"""
QUICK = ("--target", "small_model:factory", "--cut", "1", "--size", "32", "--attacks", "pixels-white")

WRONG = {
    "--cut layer9": "no point 'layer9'",
    "--target resnet19": "unknown target 'resnet19'",
    "--defence gauss": "unknown defence 'gauss': did you mean gaussian",
    "--attacks pixel-white": "unknown attack 'pixel-white': did you mean pixels-white",
    "--attacks": "--attacks",
    "--recipe weak": "unknown recipe 'weak'",
    "--link foo": "no link 'foo'",
    "--codec fp23": "unknown codec 'fp23'",
    "--prior nosuch --attacks decoder-white": "--prior nosuch",
    "--weights missing.pt": "missing.pt",
    "--weights=-missing.pt": "missing.pt",
    "--source nowhere": "no picture source 'nowhere'",
    "--public nowhere": "no picture source 'nowhere'",
    "--page nonsense": "address 'nonsense'",
    "--fps=-1": "--fps -1.0",
    "--frames 0": "--frames 0",
    "--slowdown 0.5": "--slowdown 0.5",
    "--budget-seconds 0": "--budget-seconds 0",
    "--device cuda": "--device cuda",
    "--json .": "--json .: expected a file",
    "--seed 9223372036854775808": "--seed 9223372036854775808: expected a number of 64 bits",
    "--size 7": "pictures of 7 pixels cannot be scored",
    "--size 1x1": "pictures of 1 pixels cannot be scored",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "small_model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def started(*_):
        raise AssertionError("a process was started")

    monkeypatch.setattr(Launcher, "start", started)
    return tmp_path


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_refused_before_anything_starts(wrong, here, capsys):
    if wrong == "--device cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    assert dispatch(["demo", *QUICK, *wrong.split(" "), "--out", "run"], {}) == 2
    said = capsys.readouterr().err
    assert said.startswith("keyhole demo: ")
    assert WRONG[wrong] in said
    assert "Traceback" not in said
    assert not (here / "run").exists()


def test_pictures_that_are_attacked_and_learned_from_are_refused(here, capsys):
    draw(here, [f"set/{who}/{n}.png" for who in "abc" for n in range(3)])
    assert dispatch(["check", *QUICK, "--source", "set", "--public", "set/a"], {}) == 2
    assert "1 pictures of --source set are among those of --public set/a" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "live", "check"])
def test_a_page_on_a_taken_port_is_refused(command, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert dispatch([command, *QUICK, "--page", f"127.0.0.1:{port}", "--out", "run"], {}) == 2
    assert "another --page" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "live", "check"])
def test_a_folder_of_something_else_is_refused(command, here, capsys):
    (here / "run" / "logs").mkdir(parents=True)
    (here / "run" / "logs" / "a.log").write_text("mine")
    assert dispatch([command, *QUICK, "--out", "run"], {}) == 2
    assert "run is not empty and holds no run that Keyhole marked" in capsys.readouterr().err
    assert [path.name for path in here.glob("run/**/*")] == ["logs", "a.log"]


def test_what_would_run_is_said_with_its_time_and_memory(here, capsys):
    assert dispatch(["check", *QUICK, "--frames", "600", "--fps", "2", "--out", "run"], {}) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "small_model:factory" in said
    assert "8 KiB as fp32 over link none" in said
    assert "pixels-white/strong on cpu" in said or torch.cuda.is_available()
    assert "5 min for 600 frames" in said
    assert "GB: five processes" in said
    assert not (here / "run").exists()


@pytest.mark.parametrize("value", ["-x", "--help", "=", "a b", "[red]", ":factory:"])
def test_values_reach_the_processes_whatever_they_start_with(value, here):
    from keyhole.cli import parsed

    settings = DemoSettings(target=value, cut=value, weights=value, source=value, public=value, prior=value)
    system = System(settings, 1, Launcher(here))
    edge, adversary = (parsed(name, system.arguments(name), {}) for name in ("edge", "adversary"))
    assert {edge.target, edge.cut, edge.weights, edge.source} == {value}
    assert {adversary.target, adversary.public, adversary.prior} == {value}
