"""Tensor names and layout of the LaMa generator, and ours.

The original network is one `nn.Sequential`; positions in it follow from the number of downsamplings and
blocks. Its FFC layers hold one convolution per path, ours merges the paths that end in the local half; its
halves have a BatchNorm each, ours one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.models.autoencoders.ffc import Decoder, Encoder
from latent_inpaint.models.guides.alpha import MaskAsAlpha
from latent_inpaint.models.inpainter import LatentInpainter
from latent_inpaint.models.refiners.ffc import FFCRefiner

_NORM_TENSORS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_STEM = 1  # position 0 pads
_STEM_KEY = re.compile(rf"(.*?)model\.{_STEM}\.ffc\.convl2l\.weight")


@dataclass(frozen=True)
class GeneratorShape:
    """What determines a LaMa generator: the arguments of our parts."""

    in_channels: int = 4
    ngf: int = 64
    n_downsampling: int = 3
    n_blocks: int = 9
    ratio: float = 0.75
    max_channels: int = 1024

    def build(self) -> LatentInpainter:
        """The network with fresh weights."""
        encoder = Encoder(self.ngf, self.n_downsampling, self.in_channels, self.max_channels)
        refiner = FFCRefiner(encoder.latent_channels, self.n_blocks, self.ratio)
        decoder = Decoder(self.ngf, self.n_downsampling, 3, self.max_channels)
        return LatentInpainter(encoder, refiner, decoder, MaskAsAlpha())


def generator_prefix(state: Mapping[str, Tensor]) -> str | None:
    """What stands before `model.<i>…` in the generator's tensor names; None if there is no generator."""
    return next((match[1] for match in map(_STEM_KEY.fullmatch, state) if match), None)


def infer_shape(state: Mapping[str, Tensor], prefix: str) -> GeneratorShape:
    """The generator whose tensors `state` holds under `prefix`, read off their shapes.

    Raises:
        ValueError: there are no residual FFC blocks.
    """
    block_key = re.compile(re.escape(prefix) + r"model\.(\d+)\.conv1\.ffc\.convl2l\.weight")
    blocks = sorted(int(match[1]) for match in map(block_key.fullmatch, state) if match)
    if not blocks:
        raise ValueError("the generator has no residual FFC blocks: it is none of LaMa's Fourier networks")
    first = f"{prefix}model.{blocks[0]}.conv1.ffc"
    n_local = state[f"{first}.convl2l.weight"].shape[0]
    n_global = state[f"{first}.convl2g.weight"].shape[0] if f"{first}.convl2g.weight" in state else 0
    ngf, in_channels = state[f"{prefix}model.{_STEM}.ffc.convl2l.weight"].shape[:2]
    n_downsampling = blocks[0] - _STEM - 1
    latent_channels = n_local + n_global
    is_capped = latent_channels < ngf * 2**n_downsampling
    return GeneratorShape(
        in_channels=in_channels,
        ngf=ngf,
        n_downsampling=n_downsampling,
        n_blocks=len(blocks),
        ratio=n_global / latent_channels,
        max_channels=latent_channels if is_capped else max(GeneratorShape.max_channels, latent_channels),
    )


def generator_weights(state: Mapping[str, Tensor], shape: GeneratorShape, prefix: str) -> dict[str, Tensor]:
    """The generator's tensors in `state` (keys `<prefix>model.<i>…`) under our names and in our layout.

    Other networks' tensors are skipped. A tensor that `state` lacks is left out; `load_weights` then says so.
    """
    weights: dict[str, Tensor] = {}
    for name, sources, dim in _tensor_map(shape):
        parts = [state[prefix + source] for source in sources if prefix + source in state]
        if parts:
            weights[name] = parts[0] if parts[0].ndim == 0 else torch.cat(parts, dim)
    return weights


def original_weights(model: LatentInpainter) -> tuple[GeneratorShape, dict[str, Tensor]]:
    """A network of ours as LaMa has it: its shape, and its tensors under the original's names.

    Args:
        model: of FFC parts with the mask as the encoder's fourth channel: what `GeneratorShape.build` gives.

    Raises:
        ValueError: another network, whose parts LaMa's code does not have.
    """
    encoder, refiner, decoder = model.encoder, model.refiner, model.decoder
    expected = (Encoder, MaskAsAlpha, FFCRefiner, Decoder)
    found = (encoder, model.guide, refiner, decoder)
    if not all(isinstance(one, kind) for one, kind in zip(found, expected)):
        wanted, got = ", ".join(kind.__name__ for kind in expected), ", ".join(map(_class_of, found))
        raise ValueError(f"to lama: expected {wanted}, got {got}")
    blocks: Any = refiner.blocks
    widths, block = encoder.stage_channels, blocks[0].ffc1
    n_local, n_global = block.n_local, block.n_global
    is_capped = widths[-1] < widths[0] * 2 ** (len(widths) - 1)
    shape = GeneratorShape(
        encoder.in_channels,
        widths[0],
        len(widths) - 1,
        len(blocks),
        n_global / (n_local + n_global),
        widths[-1] if is_capped else max(GeneratorShape.max_channels, widths[-1]),
    )
    state = model.state_dict()
    weights: dict[str, Tensor] = {}
    for name, sources, dim in _tensor_map(shape):
        if name not in state:  # of a half that is not there
            continue
        tensor = state[name].detach().cpu()
        is_split = name.startswith(("refiner.", f"encoder.downs.{shape.n_downsampling - 1}."))
        targets = sources if is_split else sources[:1]
        halves = tensor.split([n_local, n_global], dim) if len(targets) == 2 and tensor.ndim else [tensor] * 2
        weights |= {target: half.clone() for target, half in zip(targets, halves)}
    extra = set(state) - {name for name, _, _ in _tensor_map(shape)}
    if extra:
        raise ValueError(f"to lama: its code has no place for {', '.join(sorted(extra)[:3])}")
    return shape, weights


def _class_of(part: object) -> str:
    return type(part).__name__


TensorMap = Iterator[tuple[str, list[str], int]]


def _tensor_map(shape: GeneratorShape) -> TensorMap:
    """For every tensor: our name, the original's names, and the dimension along which these are joined."""
    n_down, n_blocks = shape.n_downsampling, shape.n_blocks
    blocks = _STEM + 1 + n_down
    ups = blocks + n_blocks + 1  # one position joins the halves
    to_image = ups + 3 * n_down + 1  # convolution, BatchNorm and ReLU each; one position pads
    yield from _conv_block(f"model.{_STEM}", "encoder.stem")
    for i in range(n_down):
        yield from _conv_block(f"model.{_STEM + 1 + i}", f"encoder.downs.{i}")
    for i in range(n_blocks):
        for j in (1, 2):
            yield from _ffc(f"model.{blocks + i}.conv{j}", f"refiner.blocks.{i}.ffc{j}")
    for i in range(n_down):
        yield from _convolution([f"model.{ups + 3 * i}"], f"decoder.ups.{i}.conv", bias=True)
        yield from _norm([f"model.{ups + 3 * i + 1}"], f"decoder.ups.{i}.norm")
    yield from _convolution([f"model.{to_image}"], "decoder.to_image", bias=True)


def _conv_block(source: str, target: str) -> TensorMap:
    yield from _convolution([f"{source}.ffc.convl2l", f"{source}.ffc.convl2g"], f"{target}.conv")
    yield from _norm([f"{source}.bn_l", f"{source}.bn_g"], f"{target}.norm")


def _ffc(source: str, target: str) -> TensorMap:
    ffc, spectral = f"{source}.ffc", f"{target}.global_to_global"
    yield f"{target}.to_local.weight", [f"{ffc}.convl2l.weight", f"{ffc}.convg2l.weight"], 1
    yield from _convolution([f"{ffc}.convl2g"], f"{target}.local_to_global")
    yield from _convolution([f"{ffc}.convg2g.conv1.0"], f"{spectral}.reduce")
    yield from _norm([f"{ffc}.convg2g.conv1.1"], f"{spectral}.norm")
    yield from _convolution([f"{ffc}.convg2g.fu.conv_layer"], f"{spectral}.fourier.conv")
    yield from _norm([f"{ffc}.convg2g.fu.bn"], f"{spectral}.fourier.norm")
    yield from _convolution([f"{ffc}.convg2g.conv2"], f"{spectral}.expand")
    yield from _norm([f"{source}.bn_l", f"{source}.bn_g"], f"{target}.norm")


def _convolution(sources: list[str], target: str, bias: bool = False) -> TensorMap:
    yield f"{target}.weight", [f"{source}.weight" for source in sources], 0
    if bias:
        yield f"{target}.bias", [f"{source}.bias" for source in sources], 0


def _norm(sources: list[str], target: str) -> TensorMap:
    for tensor in _NORM_TENSORS:
        yield f"{target}.{tensor}", [f"{source}.{tensor}" for source in sources], 0
