"""The adversary cannot reach what holds the truth."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import adversary
import keyhole.attacks
import keyhole.generators
import keyhole.priors
from keyhole.data import open_source

ROOT = Path(adversary.__file__).parents[1]
ATTACKERS = ("adversary.", "keyhole.attacks.", "keyhole.generators.", "keyhole.priors.")
OTHERS = {"edge", "cloud", "monitor", "benchmarks", "tests"}
FILES = sorted(
    path
    for package in (adversary, keyhole.attacks, keyhole.generators, keyhole.priors)
    for path in Path(str(package.__file__)).parent.rglob("*.py")
    if path.name != "__init__.py"
)
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES]


def test_no_module_imports_another_process():
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
        if name.split(".")[0] in OTHERS
    }
    assert not found


def test_none_is_loaded_by_the_whole_package():
    code = f"""
import importlib, sys
for name in {MODULES!r}:
    importlib.import_module(name)
print(sorted(name for name in sys.modules if name.split(".")[0] in {OTHERS!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_calls_nothing_at_the_monitor_but_submit():
    source = "\n".join(path.read_text() for path in FILES)
    assert ".Submit(" in source
    assert not any(call in source for call in (".Witness(", ".Conclude(", ".Settle(", ".Watch("))


def test_no_module_knows_secrets_or_the_judge():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            held = ("keyhole.judge", "keyhole.data.streetcam", "keyhole.data.sample", "keyhole.wire.secrets")
            assert not any(name.startswith(held) for name in _imported(node)), path
            assert not (isinstance(node, ast.Attribute) and node.attr == "secrets"), path
            assert not (isinstance(node, ast.keyword) and node.arg == "secrets"), path


def test_its_pictures_carry_no_secrets():
    for pool in ("public", "audit"):
        sample = next(iter(open_source("streetcam", pool=pool, size=64)))
        assert sample.secrets is None


def test_black_box_modules_do_not_know_how_to_load_a_head():
    reached, todo = set(), [f"keyhole.attacks.features.{name}" for name in ("black_box", "trained_recipe")]
    while todo:
        module = todo.pop()
        reached.add(module)
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        imports = {name for node in ast.walk(ast.parse(path.read_text())) for name in _imported(node)}
        assert not any(name.startswith(("keyhole.targets", "keyhole.partition")) for name in imports), module
        todo += [name for name in imports if name.startswith(ATTACKERS) and name not in reached]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []
