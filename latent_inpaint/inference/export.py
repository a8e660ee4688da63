"""Networks for other programs: TorchScript, ONNX and `torch.export`, each checked against its network.

What is exported takes `image` `[B, 3, H, W]` in [0, 1] and `mask` `[B, 1, H, W]` in {0, 1} and gives the
repaired picture, known pixels included. A flow or diffusion also takes standard normal `noise` `[B, C, h, w]`
of the latent's size: all steps of its sampler are in the file. Fourier units compute by matrix products.
Height and width are free multiples of the network's down factor (8), from two of them up (five where there is
noise); so is the batch.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from latent_inpaint.extras import how_to_install
from latent_inpaint.files import replacing
from latent_inpaint.inference.device import device_of
from latent_inpaint.inference.exported import DenoiserStep, Exported, Repair, drawn_inputs
from latent_inpaint.inference.files import check_folder

FORMATS = {".ts": "torchscript", ".onnx": "onnx", ".pt2": "torch.export"}
CHECKED_SIZES = ((64, 64), (48, 80), (136, 72))
TOLERANCE = 1e-3
_LARGEST_SIDE, _LARGEST_BATCH = 8192, 4096
_SMALLEST_HALVED = 16
_Program = Callable[..., Tensor]


def export_model(
    network: nn.Module,
    path: str | Path,
    sizes: Sequence[tuple[int, int]] = CHECKED_SIZES,
    half: bool = False,
    step: bool = False,
) -> float:
    """Write `network` to `path` and return the largest difference of the file's output to the network's.

    Args:
        network: what to export: an inpainter.
        path: `.ts` is TorchScript, `.onnx` ONNX (extra `export`), `.pt2` a `torch.export` program.
        sizes: heights and widths at which the file is checked, multiples of the down factor.
        half: ONNX: weights are kept as float16, in half of the bytes; the arithmetic stays float32.
        step: one call of a flow's or diffusion's denoiser instead of the whole; see `DenoiserStep`.

    Raises:
        ValueError: another ending, a network that draws otherwise than at its start, half of another format,
            or an output that differs from the network's (the one with rounded weights for half) by more than
            `TOLERANCE`; nothing is then written.
        OSError: the folder is missing or cannot be written.
        ImportError: a library for ONNX is missing.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"{path}: the ending must be one of {', '.join(FORMATS)}, got {path.suffix!r}")
    if half and path.suffix != ".onnx":
        raise ValueError(f"{path}: half is for .onnx")
    check_folder(path.parent)
    same = copy.deepcopy(network).half().float() if half else network
    factor = int(getattr(network, "down_factor", 1))
    write = {".ts": _write_torchscript, ".onnx": _write_onnx, ".pt2": _write_program}[path.suffix]
    kind = DenoiserStep if step else Repair
    with replacing(path) as file:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # deprecations of the exporters themselves
            write(kind(same), Path(file.name), factor)
            if path.suffix == ".onnx":
                _shrink(Path(file.name), half)
            program = open_exported(file.name)
            difference = largest_difference(same, program, sizes, step)
        if not difference <= TOLERANCE:
            raise ValueError(f"{path}: differs from the network by {difference:.2g}, more than {TOLERANCE}")
    return largest_difference(network, program, sizes, step) if half else difference


@torch.no_grad()
def largest_difference(
    network: nn.Module, program: _Program, sizes: Sequence[tuple[int, int]], step: bool = False
) -> float:
    """Largest difference between a program and the network, on two pictures of noise of each size, alone and
    together."""
    generator = torch.Generator().manual_seed(0)
    exact = (DenoiserStep if step else Repair)(network, exact=True)
    device = device_of(network)
    largest = 0.0
    for height, width in sizes:
        given = drawn_inputs(exact, height, width, generator)
        expected = exact(*(x.to(device) for x in given)).cpu()
        for part in (slice(0, 1), slice(0, 2)):
            found = program(*(x[part] for x in given))
            largest = max(largest, float((found - expected[part]).abs().max()))
    return largest


def open_exported(path: str | Path) -> _Program:
    """An exported file as a function of its inputs (image and mask, then noise if there is any), on the CPU.

    Raises:
        ValueError: an ending that is none of `FORMATS`.
        ImportError: onnxruntime is missing.
    """
    path = Path(path)
    if path.suffix == ".ts":
        return torch.jit.load(str(path), map_location="cpu")
    if path.suffix == ".pt2":
        return torch.export.load(str(path)).module()
    if path.suffix == ".onnx":
        return _open_onnx(path)
    raise ValueError(f"{path}: the ending must be one of {', '.join(FORMATS)}, got {path.suffix!r}")


def _example(exported: Exported, down_factor: int) -> tuple[Tensor, ...]:
    return tuple(drawn_inputs(exported, 8 * down_factor, 12 * down_factor, torch.Generator().manual_seed(0)))


def _dynamic_sizes(exported: Exported, down_factor: int) -> dict[str, dict[int, Any]]:
    largest = _LARGEST_SIDE // down_factor
    rows, columns = (
        torch.export.Dim(name, min=exported.smallest, max=largest) for name in ("rows", "columns")
    )
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)

    def sides(channels: int, factor: int) -> dict[int, Any]:
        return {2: down_factor // factor * rows, 3: down_factor // factor * columns} if channels else {}

    return {name: {0: batch, **sides(*shape)} for name, shape in exported.inputs.items()}


def _write_torchscript(exported: Exported, path: Path, down_factor: int) -> None:
    program = torch.jit.trace(exported, _example(exported, down_factor), check_trace=False)
    program.save(str(path))


def _write_program(exported: Exported, path: Path, down_factor: int) -> None:
    sizes = _dynamic_sizes(exported, down_factor)
    program = torch.export.export(exported, _example(exported, down_factor), dynamic_shapes=sizes)
    torch.export.save(program, str(path))


def _write_onnx(exported: Exported, path: Path, down_factor: int) -> None:
    _require("onnxscript")
    program = torch.onnx.export(
        exported,
        _example(exported, down_factor),
        input_names=list(exported.inputs),
        output_names=["prediction" if isinstance(exported, DenoiserStep) else "repaired"],
        dynamic_shapes=_dynamic_sizes(exported, down_factor),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.save(str(path), external_data=False)


def _shrink(path: Path, half: bool) -> None:
    """Take the exporter's notes out of an ONNX file; with `half` keep weights as float16, then cast."""
    import onnx

    model = onnx.load(str(path))
    graph, casts = model.graph, []
    for noted in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del noted.metadata_props[:]
        noted.doc_string = ""
    for weight in graph.initializer if half else ():
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= _SMALLEST_HALVED:
            name = weight.name
            weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, str(path))


def _open_onnx(path: Path) -> _Program:
    onnxruntime = _require("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    names = [one.name for one in session.get_inputs()]

    def run(*given: Tensor) -> Tensor:
        if len(given) < len(names):
            raise ValueError(f"{path}: it also takes {', '.join(names[len(given) :])}")
        return torch.from_numpy(session.run(None, dict(zip(names, (x.numpy() for x in given))))[0])

    return run


def _require(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"ONNX needs {name}: {how_to_install('export')}") from error
