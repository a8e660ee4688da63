"""Any inpainting program saved as TorchScript, called as a description beside it says.

A TorchScript file is a program: it is run, which no other file that `load` reads is. That happens only where
somebody described it: in `NAME.yaml` beside `NAME.pt`, or in a registry.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.files import read_yaml
from latent_inpaint.models.geometry import check_shapes, in_square, pad_to_multiple
from latent_inpaint.near import near


@dataclass(frozen=True)
class Signature:
    """How a TorchScript inpainter is called: `module(*inputs) → prediction`.

    Args:
        inputs: its arguments in order, of `image` and `mask`; those in a list of their own are joined along
            the channels: `[[mask, image]]` is one tensor with the mask first.
        image_range: what 0 and 1 of our pictures are for it.
        image_hole: value of the hole's pixels in that range; None leaves them as they are.
        mask_values: `known` and `hole`: what known pixels and those of the hole are in its mask.
        channels: `rgb` or `bgr`, of what it is given and what it gives.
        output_range: what it gives for black and white.
        multiple: sides are extended to multiples of it.
        size: side of the square that it takes, nothing else; None takes any size.

    Raises:
        ValueError: a value that cannot be.
    """

    inputs: Sequence[Any] = ("image", "mask")
    image_range: Sequence[float] = (0.0, 1.0)
    image_hole: float | None = None
    mask_values: Mapping[str, float] | None = None
    channels: str = "rgb"
    output_range: Sequence[float] = (0.0, 1.0)
    multiple: int = 8
    size: int | None = None

    def __post_init__(self) -> None:
        named = [name for group in self.inputs for name in ([group] if isinstance(group, str) else group)]
        if sorted(named) != ["image", "mask"]:
            raise ValueError(f"inputs: expected image and mask, each once, got {list(self.inputs)}")
        for name in ("image_range", "output_range"):
            value = getattr(self, name)
            if len(value) != 2 or not value[0] < value[1]:
                raise ValueError(f"{name}: expected two numbers, the first below the second, got {value}")
        if self.mask_values is not None and set(self.mask_values) != {"known", "hole"}:
            raise ValueError(f"mask_values: expected known and hole, got {dict(self.mask_values)}")
        if self.channels not in ("rgb", "bgr"):
            raise ValueError(f"channels: expected rgb or bgr, got {self.channels!r}")
        if self.multiple < 1 or (self.size is not None and self.size < 1):
            raise ValueError(f"multiple, size: expected 1 or more, got {self.multiple} and {self.size}")

    def arguments(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        """What the program is called with.

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        """
        low, high = self.image_range
        shown = low + (high - low) * image
        if self.image_hole is not None:
            shown = torch.where(mask > 0.5, torch.full_like(shown, self.image_hole), shown)
        values = self.mask_values or {"known": 0.0, "hole": 1.0}
        given = {
            "image": shown.flip(1) if self.channels == "bgr" else shown,
            "mask": values["known"] + (values["hole"] - values["known"]) * mask,
        }
        return [
            given[group] if isinstance(group, str) else torch.cat([given[name] for name in group], dim=1)
            for group in self.inputs
        ]

    def prediction(self, output: Any, size: tuple[int, int]) -> Tensor:
        """The program's output as a prediction, `[B, 3, H, W]` in [0, 1].

        Raises:
            ValueError: it is no picture of that size, or far outside the described range.
        """
        shape = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if not isinstance(output, Tensor) or output.ndim != 4 or shape[1:] != [3, *size]:
            raise ValueError(f"signature: expected an output of [B, 3, {size[0]}, {size[1]}], got {shape}")
        low, high = self.output_range
        picture = (output.float() - low) / (high - low)
        if not -1 < picture.mean() < 2:  # a program in [0, 255] that is said to be in [0, 1]
            found = f"{float(output.min()):.3g} to {float(output.max()):.3g}"
            raise ValueError(f"signature: expected an output within {low} to {high}, got {found}")
        return (picture.flip(1) if self.channels == "bgr" else picture).clamp(0, 1)


class TorchScriptInpainter(nn.Module):
    """An inpainter made of a TorchScript program and its signature.

    Args:
        program: what `torch.jit.load` gives.
        signature: how it is called.
    """

    def __init__(self, program: nn.Module, signature: Signature) -> None:
        super().__init__()
        self.program, self.signature = program, signature

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Predictions `[B, 3, H, W]` in [0, 1] for pictures of any size.

        For a program of one size the longer side is reduced to it, if it is longer, and the rest is mirrored.

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.

        Raises:
            ValueError: shapes that do not fit, or an output that does not fit the signature.
        """
        check_shapes(image, mask)
        if self.signature.size is not None:
            return in_square(self._predict, image, mask, self.signature.size).to(image.dtype)
        padded = pad_to_multiple(torch.cat([image, mask], dim=1), self.signature.multiple)
        prediction = self._predict(padded[:, :3], padded[:, 3:])
        return prediction[..., : image.shape[-2], : image.shape[-1]].to(image.dtype)

    def _predict(self, image: Tensor, mask: Tensor) -> Tensor:
        output = self.program(*self.signature.arguments(image, mask))
        return self.signature.prediction(output, (image.shape[-2], image.shape[-1]))


def load_torchscript(path: Path, signature: Mapping[str, Any]) -> TorchScriptInpainter:
    """A TorchScript file with its signature, in eval mode, on the CPU.

    Args:
        path: the file.
        signature: fields of `Signature`.

    Raises:
        ValueError: a field that `Signature` does not have or take, or a damaged file.
    """
    there = [each.name for each in fields(Signature)]
    for key in signature:
        if key not in there:
            raise ValueError(f"{path}: signature: no such field: {key}{near(str(key), there)}")
    try:
        described = Signature(**signature)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: signature: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch.jit is to go; the files are there
            program = torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        raise ValueError(f"{path}: no TorchScript file: {str(error).splitlines()[0]}") from error
    return TorchScriptInpainter(program, described).eval()


def description_of(path: Path) -> dict[str, Any] | None:
    """The fields in `NAME.yaml` beside `NAME.pt`; None where there is no such file.

    Raises:
        ValueError: it holds no fields.
    """
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        return None
    told = read_yaml(beside)
    if not isinstance(told, dict):
        raise ValueError(f"{beside}: expected the fields of a signature, got {type(told).__name__}")
    return told
