"""Files of exported halves: ``.pt2`` of torch.export, and ONNX made from the same program."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from keyhole.export.facts import NAME
from keyhole.export.half import ExportError, Half
from keyhole.export.settings import FormatName
from keyhole.partition import as_tuple

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

BATCH = "batch"
"""Name of the dimension that is as long as there are pictures."""
_MOST = 2**31 - 1
"""Bytes of a protobuf message, which an ONNX file is."""


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        write: a program, its half and the JSON of its facts to the file's bytes.
        needs: packages that write or check such files, beyond Keyhole's own.
        tolerance: greatest difference, as a share of a tensor's greatest number, at which a file answers alike.
    """

    write: Callable[[ExportedProgram, Half, str], bytes]
    needs: tuple[str, ...] = ()
    tolerance: float = 1e-4


def program_of(half: Half) -> ExportedProgram:
    """A half as torch.export's program for any number of pictures.

    Raises:
        ExportError: its code cannot be followed.
    """
    trial = half.trials[-1]
    shapes: Any = {0: Dim.AUTO} if isinstance(trial, Tensor) else tuple({0: Dim.AUTO} for _ in trial)
    try:
        with _quietly(), torch.no_grad():
            program = torch.export.export(half.module, (trial,), dynamic_shapes=(shapes,), strict=False)
    except Exception as error:
        raise ExportError(f"torch.export cannot follow the {half.part}: {_first_line(error)}") from error
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)  # it would carry this machine's paths into the file
    if any(isinstance(length, int) for tensor in _placeholders(program) for length in tensor.shape[:1]):
        raise ExportError(f"the {half.part} takes {len(as_tuple(trial)[0])} pictures at once and no other number")
    return program


def _placeholders(program: ExportedProgram) -> Iterator[Tensor]:
    names = set(program.graph_signature.user_inputs)
    return (node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporters' warnings and the graphs that torch logs when it fails."""
    log = logging.getLogger("torch")
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.setLevel("CRITICAL")
        try:
            yield
        finally:
            log.setLevel(level)


def _pt2(program: ExportedProgram, half: Half, facts: str) -> bytes:  # noqa: ARG001
    file = io.BytesIO()
    with _quietly():
        torch.export.save(program, file, extra_files={NAME: facts})
    return file.getvalue()


def _onnx(program: ExportedProgram, half: Half, facts: str) -> bytes:
    held = sum(tensor.nbytes for tensor in chain(half.module.parameters(), half.module.buffers()))
    if held >= _MOST:
        raise ExportError(f"the {half.part} holds {held / 2**30:.1f} GiB, and an ONNX file less than 2: --formats pt2")
    try:
        with _quietly():
            exported = torch.onnx.export(
                program,
                input_names=[port.name for port in half.inputs],
                output_names=[port.name for port in half.outputs],
                verbose=False,
            )
    except Exception as error:
        raise ExportError(f"torch.onnx cannot write the {half.part}: {_first_line(error)}") from error
    model = cast("ModelProto", exported.model_proto)  # type: ignore[union-attr]
    _name_batch(model)
    things: Iterable[Any] = (model, model.graph, *model.graph.node, *_values(model), *model.functions)
    for thing in things:
        del thing.metadata_props[:]  # of the exporter: stack traces with this machine's paths
    model.metadata_props.add(key=NAME, value=facts)
    return model.SerializeToString()


def _values(model: ModelProto) -> Iterator[ValueInfoProto]:
    return chain(model.graph.input, model.graph.output, model.graph.value_info)


def _name_batch(model: ModelProto) -> None:
    """Call the batch by its name, where torch calls it by a number of its own."""
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in _values(model):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = re.sub(rf"\b{re.escape(symbol)}\b", BATCH, dimension.dim_param)


FORMATS: Mapping[FormatName, Format] = {
    "pt2": Format(_pt2),
    "onnx": Format(_onnx, ("onnx", "onnxscript", "onnxruntime")),
}


def check_packages(name: FormatName) -> None:
    """Refuse a format whose packages are not installed.

    Raises:
        ExportError: one is missing.
    """
    lacking = [package for package in FORMATS[name].needs if find_spec(package) is None]
    if lacking:
        raise ExportError(
            f"--formats {name} needs {', '.join(lacking)}, which {'are' if len(lacking) > 1 else 'is'} not installed: "
            "pip install 'keyhole[export]' (in a checkout: pip install '.[export]'), or --formats pt2"
        )
