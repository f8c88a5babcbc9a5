"""Models of other numbers, grey pictures and structured answers, behind a live cloud."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from edge.device import Device
from edge.settings import HeadSettings
from keyhole.nn.nested_tensors import named_tensors, one_of
from keyhole.sizes import Size, height_width
from keyhole.v1 import tensor_pb2
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.frames import pack_frame
from keyhole.wire.tensors import unpack_all
from tests.system.frames import pictures
from tests.system.running import running_cloud
from tests.system.tiny_target import SIZE


@pytest.mark.parametrize(
    ("factory", "size"), [("half", SIZE), ("double", SIZE), ("bfloat16_grey", SIZE), ("network", (SIZE, SIZE // 2))]
)
def test_every_tensor_of_the_answer_comes_back(factory: str, size: Size) -> None:
    flags = {"target": f"tests.targets.own_models:{factory}", "cut": "stem" if "grey" in factory else "0", "size": size}
    height, width = height_width(size)
    device, batch = Device.load(HeadSettings(**flags)), pictures(24)[..., :height, :width]
    with torch.no_grad():
        whole = device.target.model(device.target.preprocess.normalise(batch))
    frames = [
        pack_frame(device.header(str(number), "edge-0"), device(picture[None]), tensor_pb2.CODEC_FP32)
        for number, picture in enumerate(batch)
    ]
    with running_cloud(**flags) as settings, connect(settings.listen) as channel, ThreadPoolExecutor(8) as pool:
        client = InferenceClient(channel)
        described = [tuple(spec.shape) for spec in client.describe(30).outputs]
        answers = list(pool.map(lambda frame: client.infer(frame, 60), frames))
    assert described == [output.shape for output in device.outputs]
    for number, answer in enumerate(answers):
        outputs = unpack_all(answer.outputs, field="outputs", expected=device.outputs)
        expected = named_tensors(one_of(whole, number, len(batch))).values()
        for output, own in zip(outputs, expected, strict=True):
            torch.testing.assert_close(output, own, rtol=0.02, atol=0.02)
