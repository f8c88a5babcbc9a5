"""Answers of an ONNX file, in a process that has onnxruntime and neither torch nor Keyhole.

``python alone_onnx.py FILE INPUTS.npz ANSWERS.npz``. Arrays are named TRIAL.PLACE: the tensors of one call.
"""

import sys

sys.modules["keyhole"] = sys.modules["torch"] = None  # type: ignore[assignment]  # whatever imports them fails

import numpy
import onnxruntime

file, inputs, answers = sys.argv[1:]
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
names = [port.name for port in session.get_inputs()]
given = numpy.load(inputs)
found: dict[str, numpy.ndarray] = {}
for trial in sorted({name.partition(".")[0] for name in given}):
    arrays = [given[name] for name in given if name.startswith(f"{trial}.")]
    answer = session.run(None, dict(zip(names, arrays, strict=True)))
    found |= {f"{trial}.{place}": array for place, array in enumerate(answer)}
numpy.savez(answers, **found)  # type: ignore[arg-type]
