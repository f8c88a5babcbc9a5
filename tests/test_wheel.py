"""What the wheel holds. Hatchling takes the named packages whole, but for what `.gitignore` names."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("keyhole", "edge", "cloud", "adversary", "monitor")
READ_AT_RUN_TIME = (
    "keyhole/py.typed",
    "keyhole/attacks/weights/*/*.safetensors",
    "keyhole/bench/report/templates/report.html.jinja",
    "keyhole/presentation/templates/*",
    "keyhole/judge/weights/*",
    "keyhole/priors/weights/streetcam/unet/*.safetensors",
    "keyhole/targets/weights/*/*.safetensors",
    "monitor/page/*",
    "monitor/templates/*",
)


def test_it_is_keyhole_and_the_four_processes_alone() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": list(PACKAGES)}
    named = (*PROJECT["project"]["scripts"].values(), *PROJECT["project"]["entry-points"]["keyhole.commands"].values())
    assert {name.partition(":")[0].partition(".")[0] for name in named} == set(PACKAGES)


@pytest.mark.parametrize("pattern", READ_AT_RUN_TIME)
def test_it_holds_what_is_read_at_run_time(pattern: str) -> None:
    assert any(path.is_file() and path.suffix != ".py" for path in ROOT.glob(pattern))


def test_nothing_of_its_packages_is_ignored() -> None:
    command = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert [name for name in listed.stdout.splitlines() if "__pycache__" not in name] == []
