#!/usr/bin/env bash
# timm 1.0.31: a TinyViT that has answered once keeps old attention biases when it loads weights, until eval() is called.
#
# One would guess that after load_state_dict, "All keys matched successfully", two models with the same state answer
# the same. In eval mode TinyViT (LeViT and EfficientFormer likewise) keeps each attention bias, gathered by position,
# from the first answer on; loading weights does not empty that cache, and eval() on a model that is in eval mode
# already does. So a model that is probed with a picture and then given its weights answers by a mixture of both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 timm==1.0.31 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import timm
import torch

torch.manual_seed(0)


def made():
    model = timm.create_model("tiny_vit_5m_224", pretrained=False).eval()
    for name, parameter in model.named_parameters():
        if "attention_biases" in name:
            torch.nn.init.normal_(parameter)
    return model


probed, published = made(), made()
picture = torch.randn(1, 3, 224, 224)
with torch.no_grad():
    probed.forward_features(picture)
    print(f"timm {timm.__version__}: {probed.load_state_dict(published.state_dict())}")
    expected = published.forward_features(picture)
    loaded = (probed.forward_features(picture) - expected).abs().max().item()
    again = (probed.eval().forward_features(picture) - expected).abs().max().item()
print(f"difference of the features after loading {loaded:.3f}, after another eval() {again:.3f}")
assert loaded > 0.01
assert again == 0
PY
