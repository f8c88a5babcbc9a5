#!/usr/bin/env bash
# transformers 5.24.0: CLIPTextModel pools a text at its highest token where the end token's id is 2.
#
# One would guess that the pooled output is the last hidden state at the first token whose id is the configuration's
# eos_token_id. It is for every id but 2, which stands for configurations of old that gave a wrong one: then it is the
# state at the greatest id in the text. A tokenizer of one's own, trained with a handful of special tokens first, often
# gives the end token the id 2, and its texts are pooled at a rare word in the midst. No error, no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 transformers==5.24.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
import transformers

found = {}
for end in (1, 2, 3):
    torch.manual_seed(0)
    config = transformers.CLIPTextConfig(
        vocab_size=10,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=8,
        bos_token_id=0,
        eos_token_id=end,
        pad_token_id=end,
    )
    model = transformers.CLIPTextModel(config).eval()
    told = model(input_ids=torch.tensor([[0, 9, 5, end, end]]))
    states = told.last_hidden_state[0]
    found[end] = [at for at in range(len(states)) if torch.equal(told.pooler_output[0], states[at])]
print(f"transformers {transformers.__version__}: end token's id and the place that is pooled: {found}; the end is at 3")
assert found == {1: [3], 2: [1], 3: [3]}, found
PY
