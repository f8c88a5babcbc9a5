"""Names of classes: each stands for one thing in the whole product."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("keyhole", "edge", "cloud", "adversary", "monitor", "benchmarks")
GENERATED = ROOT / "keyhole" / "v1"


def public_classes() -> dict[str, list[str]]:
    """Files that define a class, by its name; those inside of functions and generated ones are left out."""
    files: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.is_relative_to(GENERATED):
                continue
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    files[node.name].append(str(path.relative_to(ROOT)))
    return files


def test_no_class_name_stands_for_two_things() -> None:
    files = public_classes()
    assert all(
        any(file.startswith(f"{package}/") for found in files.values() for file in found) for package in PACKAGES
    )
    assert {name: found for name, found in files.items() if len(found) > 1} == {}
