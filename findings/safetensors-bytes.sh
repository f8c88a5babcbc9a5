#!/usr/bin/env bash
# safetensors 0.8.0: a file with metadata has other bytes each time it is written.
#
# One would guess that a format without pickles or time stamps writes the same tensors with the same metadata as the
# same bytes, so that a checksum of the file tells whether weights changed. The entries of the metadata come in an
# order that differs from process to process: 12 processes that write one tensor with six entries leave several
# checksums, while the same without metadata leaves one. A checksum has to be taken of the tensors, not of the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
cat > "$folder/write.py" <<'PY'
import hashlib, sys
import numpy, safetensors.numpy
entries = {name: "1" for name in "abcdef"} if sys.argv[1] == "with" else None
print(hashlib.sha256(safetensors.numpy.save({"weight": numpy.zeros(3)}, entries)).hexdigest())
PY
distinct() { for _ in $(seq 12); do "$folder/venv/bin/python" "$folder/write.py" "$1"; done | sort -u | wc -l; }
with=$(distinct with) without=$(distinct without)
echo "checksums of 12 writes: $with with metadata, $without without"
test "$with" -gt 1 && test "$without" -eq 1
