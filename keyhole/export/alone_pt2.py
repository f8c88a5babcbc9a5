"""Answers of a ``.pt2``, in a process that has torch and no Keyhole.

``python alone_pt2.py FILE INPUTS.npz ANSWERS.npz``. Arrays are named TRIAL.PLACE: the tensors of one call.
"""

import sys

sys.modules["keyhole"] = None  # type: ignore[assignment]  # whatever imports it fails

import numpy
import torch
from torch.utils._pytree import tree_leaves

file, inputs, answers = sys.argv[1:]
module = torch.export.load(file).module()
given = numpy.load(inputs)
found: dict[str, numpy.ndarray] = {}
for trial in sorted({name.partition(".")[0] for name in given}):
    tensors = tuple(torch.from_numpy(given[name]) for name in given if name.startswith(f"{trial}."))
    with torch.no_grad():
        answer = module(tensors[0] if len(tensors) == 1 else tensors)
    found |= {f"{trial}.{place}": tensor.numpy() for place, tensor in enumerate(tree_leaves(answer))}
numpy.savez(answers, **found)  # type: ignore[arg-type]
