#!/usr/bin/env bash
# stlpips_pytorch 0.0.2: installed by pip it cannot be imported, and a part of it may not be used commercially.
#
# One would guess that pip brings what the package imports, and that all of a wheel whose metadata say "BSD 2-Clause"
# is under that licence. It asks for no package at all, and its modules import torch, torchvision, numpy, torchsummary
# and IPython, the latter for a debugger's `embed` that is never called; so even where torch is, the import ends with
# ModuleNotFoundError. The filters that make the metric tolerant of shifts are under CC BY-NC-SA 4.0, by the heads of
# their files, and the classifiers say MIT.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet stlpips_pytorch==0.0.2
"$folder/venv/bin/python" - <<'PY'
import ast
import importlib
import importlib.util
import sys
from importlib.metadata import metadata
from pathlib import Path

facts = metadata("stlpips_pytorch")
root = Path(importlib.util.find_spec("stlpips_pytorch").submodule_search_locations[0])
imported, forbids = set(), []
for path in sorted(root.rglob("*.py")):
    text = path.read_text()
    forbids += [path.relative_to(root).as_posix()] if "NonCommercial" in text else []
    for node in ast.parse(text).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        imported |= {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
try:
    importlib.import_module("stlpips_pytorch.stlpips")
    error = None
except ModuleNotFoundError as missing:
    error = missing
licences = [line for line in facts.get_all("Classifier") if "License" in line]
print(f"asks for {facts.get_all('Requires-Dist')}, imports {sorted(imported)}: {error}")
print(f"{facts['License'].splitlines()[0]}; {licences}; for no commercial use: {forbids}")
assert facts.get_all("Requires-Dist") is None and {"torch", "torchsummary", "IPython"} <= imported
assert error is not None
assert facts["License"].startswith("BSD 2-Clause") and licences == ["License :: OSI Approved :: MIT License"]
assert "models_lpf/downsample.py" in forbids
PY
