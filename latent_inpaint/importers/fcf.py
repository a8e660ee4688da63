"""FcF's published weights (SHI-Labs/FcF-Inpainting) → FcFGenerator and StyleDiscriminator.

A plain state dictionary, as IOPaint redistributes `places_512_G.pth`, or the project's own pickles, of which
tensors and plain values are read and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.models.discriminators.stylegan import StyleDiscriminator
from latent_inpaint.models.generators.fcf import FIRST_FOURIER, FcFGenerator
from latent_inpaint.models.storage import load_weights

Pair = tuple[str, str]
"""Our name of a tensor, and the original's."""
_FFC = {
    "reduce": "conv1.0",
    "fourier.conv": "fu.conv_layer",
    "expand": "conv2",
    "local_fourier.conv": "lfu.conv_layer",
}


def is_generator(state: Mapping[str, Any]) -> bool:
    """Whether these are tensors of FcF's generator."""
    return any(name.endswith("synthesis.foreword.fc.weight") for name in state if isinstance(name, str))


def load_generator(state: Mapping[str, Tensor], psi: float = 0.1, source: str = "state") -> FcFGenerator:
    """The generator of a state dictionary, its sizes read off the tensors, in eval mode.

    Args:
        state: the original names, with or without a prefix such as `generator.` or `G_ema.`.
        psi: truncation.
        source: where they come from, for errors.

    Raises:
        ValueError: there is no generator, or its tensors are not FcF's.
    """
    own = _under(state, "synthesis.foreword.fc.weight", "generator", source)
    own = {name: tensor for name, tensor in own.items() if name.startswith(_PARTS)}
    sides = _sides(own, "encoder.", source)
    first = [f"encoder.b{side}.conv{0 if side > 4 else ''}.weight" for side in sides]
    widths = [len(_needed(own, name, source)) for name in first]
    noise = _needed(own, "mapping.fc0.weight", source).shape[1]
    whole = len(_needed(own, "encoder.b4.fc.weight", source))
    generator = FcFGenerator(widths, noise, whole, psi)
    names = dict(_generator_names(sides))
    weights = {ours: own[theirs] for ours, theirs in names.items() if theirs in own}
    used = set(names.values())
    for level, side in enumerate(reversed(sides[:-1])):
        for number in (1, 2):
            ffc = f"synthesis.b{side}.ffc_skip.0.ffc_act.ffc_block.conv{number}.ffc"
            paths = [f"{ffc}.convl2l.weight", f"{ffc}.convg2l.weight"]
            if set(paths) <= own.keys():
                joined = torch.cat([own[path] for path in paths], dim=1)
                weights[f"synthesis.join.{level}.ffc{number}.to_local.weight"] = joined
                used |= set(paths)
    _check_all_used(own, used, source)
    load_weights(generator, weights, source)
    return generator.eval()


def load_discriminator(state: Mapping[str, Tensor], source: str = "state") -> StyleDiscriminator:
    """The discriminator of a state dictionary, in train mode. Arguments and errors: see `load_generator`."""
    own = _under(state, "b4.out.weight", "discriminator", source)
    own = {name: tensor for name, tensor in own.items() if re.match(r"b\d+\.", name)}
    sides = _sides(own, "", source)
    widths = [len(_needed(own, f"b{side}.conv{0 if side > 4 else ''}.weight", source)) for side in sides]
    discriminator = StyleDiscriminator(widths, own[f"b{sides[0]}.fromrgb.weight"].shape[1])
    names = dict(_discriminator_names(sides))
    _check_all_used(own, set(names.values()), source)
    load_weights(discriminator, {ours: own[name] for ours, name in names.items() if name in own}, source)
    return discriminator


_PARTS = ("encoder.", "mapping.", "synthesis.")
_IGNORED = re.compile(r"(.*\.)?resample_filter|synthesis\.(foreword\.conv|b\d+\.conv[01])\.bias")
"""Constant filters, and the biases that the original never adds."""


def _under(state: Mapping[Any, Any], last: str, what: str, source: str) -> dict[str, Tensor]:
    """The tensors beside the one whose name ends so, without what stands before all their names."""
    tensors = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}
    name = next((name for name in tensors if name.endswith(last)), None)
    if name is None:
        raise ValueError(f"{source}: holds no {what} of FcF (no tensor named {last})")
    prefix = name.removesuffix(last)
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _needed(own: Mapping[str, Tensor], name: str, source: str) -> Tensor:
    if name not in own:
        raise ValueError(f"{source}: the tensor {name} is missing")
    return own[name]


def _check_all_used(own: Mapping[str, Tensor], used: set[str], source: str) -> None:
    """Refuse a network with more in it: it would load as another one."""
    more = sorted(name for name in own.keys() - used if not _IGNORED.fullmatch(name))
    if more:
        raise ValueError(f"{source}: FcF's networks have no {', '.join(more[:3])}")


def _sides(own: Mapping[str, Tensor], part: str, source: str) -> list[int]:
    """Sides from the picture's down to 4."""
    pattern = re.compile(re.escape(part) + r"b(\d+)\.fromrgb\.weight")
    first = next((int(match[1]) for match in map(pattern.fullmatch, own) if match), 0)
    if first < 8 or first & (first - 1):
        raise ValueError(f"{source}: holds no FcF network (no tensor named {part}b<side>.fromrgb.weight)")
    return [first >> i for i in range(first.bit_length() - 2)]


def _linear(ours: str, theirs: str) -> Iterator[Pair]:
    for tensor in ("weight", "bias"):
        yield f"{ours}.{tensor}", f"{theirs}.{tensor}"


def _styled(ours: str, theirs: str) -> Iterator[Pair]:
    """Its bias, which the original never adds, is left."""
    yield f"{ours}.weight", f"{theirs}.weight"
    yield f"{ours}.strength", f"{theirs}.noise_strength"
    yield f"{ours}.noise", f"{theirs}.noise_const"
    yield from _linear(f"{ours}.affine", f"{theirs}.affine")


def _generator_names(sides: list[int]) -> Iterator[Pair]:
    yield "mean_style", "mapping.w_avg"
    for number in range(2):
        yield from _linear(f"mapping.{number}", f"mapping.fc{number}")
    yield from _linear("encoder.from_rgb", f"encoder.b{sides[0]}.fromrgb")
    for level, side in enumerate(sides[:-1]):
        yield from _linear(f"encoder.same.{level}", f"encoder.b{side}.conv0")
        yield from _linear(f"encoder.down.{level}", f"encoder.b{side}.conv1")
    yield from _linear("encoder.last", "encoder.b4.conv")
    yield from _linear("encoder.whole", "encoder.b4.fc")
    yield from _linear("synthesis.start", "synthesis.foreword.fc")
    yield from _styled("synthesis.first", "synthesis.foreword.conv")
    for level, block in enumerate(["foreword", *(f"b{side}" for side in reversed(sides[:-1]))]):
        yield from _linear(f"synthesis.to_rgb.{level}", f"synthesis.{block}.torgb")
        yield from _linear(f"synthesis.to_rgb.{level}.affine", f"synthesis.{block}.torgb.affine")
    for level, side in enumerate(reversed(sides[:-1])):
        yield from _styled(f"synthesis.up.{level}", f"synthesis.b{side}.conv0")
        yield from _styled(f"synthesis.same.{level}", f"synthesis.b{side}.conv1")
        for number in (1, 2) if side >= FIRST_FOURIER else ():
            ours = f"synthesis.join.{level}.ffc{number}"
            theirs = f"synthesis.b{side}.ffc_skip.0.ffc_act.ffc_block.conv{number}.ffc"
            yield f"{ours}.local_to_global.weight", f"{theirs}.convl2g.weight"
            for part, source in _FFC.items():
                yield f"{ours}.global_to_global.{part}.weight", f"{theirs}.convg2g.{source}.weight"


def _discriminator_names(sides: list[int]) -> Iterator[Pair]:
    yield from _linear("from_rgb", f"b{sides[0]}.fromrgb")
    for level, side in enumerate(sides[:-1]):
        yield from _linear(f"blocks.{level}.same", f"b{side}.conv0")
        yield from _linear(f"blocks.{level}.down", f"b{side}.conv1")
        yield f"blocks.{level}.skip.weight", f"b{side}.skip.weight"
    yield from _linear("last", "b4.conv")
    yield from _linear("flat", "b4.fc")
    yield from _linear("out", "b4.out")
