"""Networks for other programs: TorchScript, ONNX and `torch.export`, each checked against its network.

What is exported takes `image` `[B, 3, H, W]` in [0, 1] and `mask` `[B, 1, H, W]` in {0, 1} and gives the
repaired picture, known pixels included. Its Fourier units compute by matrix products. Height and width are
free multiples of the network's down factor (8), from two of them up; so is the batch.
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
from latent_inpaint.inference.files import check_folder
from latent_inpaint.inference.matrix_fourier import with_matrix_products
from latent_inpaint.models.inpainter import LatentModel, composite, draws

FORMATS = {".ts": "torchscript", ".onnx": "onnx", ".pt2": "torch.export"}
CHECKED_SIZES = ((64, 64), (48, 80), (136, 72))
TOLERANCE = 1e-3
_LARGEST_SIDE, _LARGEST_BATCH = 8192, 4096
_SMALLEST_HALVED = 16
_Program = Callable[[Tensor, Tensor], Tensor]


class Repair(nn.Module):
    """Image and mask in, repaired picture out, for sizes that need no padding."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = with_matrix_products(network).cpu().eval().requires_grad_(False)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Image `[B, 3, H, W]`, mask `[B, 1, H, W]` → `[B, 3, H, W]`; sides multiples of the down factor."""
        network = self.network
        if isinstance(network, LatentModel):  # without its padding
            prediction = network.decode(network.refine(network.encode_masked(image, mask)))
        else:
            prediction = network(image * (1 - mask), mask)
        return mask * prediction + (1 - mask) * image


def export_model(
    network: nn.Module,
    path: str | Path,
    sizes: Sequence[tuple[int, int]] = CHECKED_SIZES,
    half: bool = False,
) -> float:
    """Write `network` to `path` and return the largest difference of the file's output to the network's.

    Args:
        network: what to export: an inpainter that does not draw.
        path: `.ts` is TorchScript, `.onnx` ONNX (extra `export`), `.pt2` a `torch.export` program.
        sizes: heights and widths at which the file is checked, multiples of the down factor.
        half: ONNX: weights are kept as float16, in half of the bytes; the arithmetic stays float32.

    Raises:
        ValueError: another ending, a network that draws, half of another format, or an output that differs
            from the network's (the one with rounded weights for half) by more than `TOLERANCE`; nothing is
            then written.
        OSError: the folder is missing or cannot be written.
        ImportError: a library for ONNX is missing.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"{path}: the ending must be one of {', '.join(FORMATS)}, got {path.suffix!r}")
    if draws(network):
        raise ValueError(f"network: {type(network).__name__} draws; only functions can be exported")
    if half and path.suffix != ".onnx":
        raise ValueError(f"{path}: half is for .onnx")
    check_folder(path.parent)
    same = copy.deepcopy(network).half().float() if half else network
    factor = int(getattr(network, "down_factor", 1))
    write = {".ts": _write_torchscript, ".onnx": _write_onnx, ".pt2": _write_program}[path.suffix]
    with replacing(path) as file:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # deprecations of the exporters themselves
            write(Repair(same), Path(file.name), factor)
            if path.suffix == ".onnx":
                _shrink(Path(file.name), half)
            program = open_exported(file.name)
            difference = largest_difference(same, program, sizes)
        if not difference <= TOLERANCE:
            raise ValueError(f"{path}: differs from the network by {difference:.2g}, more than {TOLERANCE}")
    return largest_difference(network, program, sizes) if half else difference


@torch.no_grad()
def largest_difference(network: nn.Module, program: _Program, sizes: Sequence[tuple[int, int]]) -> float:
    """Largest difference between a program and the network's composite, on two pictures of noise of each
    size, alone and together."""
    generator = torch.Generator().manual_seed(0)
    device = device_of(network)
    largest = 0.0
    for height, width in sizes:
        image = torch.rand(2, 3, height, width, generator=generator)
        mask = (torch.rand(2, 1, height, width, generator=generator) > 0.7).float()
        expected = composite(image, mask, network(image.to(device), mask.to(device)).cpu())
        for part in (slice(0, 1), slice(0, 2)):
            found = program(image[part], mask[part])
            largest = max(largest, float((found - expected[part]).abs().max()))
    return largest


def open_exported(path: str | Path) -> _Program:
    """An exported file as a function of image and mask, on the CPU.

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


def _example(down_factor: int) -> tuple[Tensor, Tensor]:
    height, width = 8 * down_factor, 12 * down_factor
    return torch.rand(2, 3, height, width), torch.zeros(2, 1, height, width)


def _dynamic_sizes(down_factor: int) -> dict[str, dict[int, Any]]:
    largest = _LARGEST_SIDE // down_factor
    height, width = (down_factor * torch.export.Dim(name, min=2, max=largest) for name in ("rows", "columns"))
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    return {name: {0: batch, 2: height, 3: width} for name in ("image", "mask")}


def _write_torchscript(repair: Repair, path: Path, down_factor: int) -> None:
    program = torch.jit.trace(repair, _example(down_factor), check_trace=False)
    program.save(str(path))


def _write_program(repair: Repair, path: Path, down_factor: int) -> None:
    sizes = _dynamic_sizes(down_factor)
    torch.export.save(torch.export.export(repair, _example(down_factor), dynamic_shapes=sizes), str(path))


def _write_onnx(repair: Repair, path: Path, down_factor: int) -> None:
    _require("onnxscript")
    program = torch.onnx.export(
        repair,
        _example(down_factor),
        input_names=["image", "mask"],
        output_names=["repaired"],
        dynamic_shapes=_dynamic_sizes(down_factor),
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

    def run(image: Tensor, mask: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"image": image.numpy(), "mask": mask.numpy()})[0])

    return run


def _require(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"ONNX needs {name}: {how_to_install('export')}") from error
