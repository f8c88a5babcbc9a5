#!/usr/bin/env bash
# timm 1.0.31: fbnetc_100 is another network when its weights come from a file than when timm fetches them.
#
# One would guess that create_model(name) and then load_state_dict of the published weights is what pretrained=True
# gives. The batch norms of fbnetc_100 get an epsilon of 1e-3 with pretrained=True and of 1e-5 without, so the same
# weights answer differently, and no key is missing. (The fetch itself is replaced below: only the building is of
# interest.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 timm==1.0.31 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
from unittest import mock
import timm

def epsilon(**options):
    with mock.patch("timm.models._builder.load_pretrained"):
        return timm.create_model("fbnetc_100", **options).bn1.eps

fetched, plain = epsilon(pretrained=True), epsilon()
print(f"timm {timm.__version__}: epsilon {fetched} with pretrained=True, {plain} without")
assert (fetched, plain) == (1e-3, 1e-5)
PY
