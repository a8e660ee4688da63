"""Autoencoders of diffusers in place of ours: AutoencoderKL, AutoencoderTiny and VQModel.

Each is one encoder and one decoder that behave as `Encoder` and `Decoder` do: pictures in [0, 1], one latent
tensor (deterministic, times the network's scaling factor), a control per resolution, up blocks in `ups`. They
are pretrained, hence meant to stay frozen.

An instance describes itself by the network's configuration, not by where its weights came from: a saved model
needs no other file. diffusers is imported when a network is built (extra `diffusers`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from latent_inpaint.models.autoencoders.diffusers_files import (
    arguments,
    latent_channels,
    make_network,
    read_config,
    read_network,
)
from latent_inpaint.models.autoencoders.diffusers_layers import (
    Affine,
    Mode,
    Quantise,
    Scale,
    SoftClip,
    Unscale,
    convolution_halo,
    down_stages,
    encoder_head,
    picture_head,
    up_stages,
)
from latent_inpaint.models.parts import part

GLOBAL_HALO = 64
"""Latent positions; group norms and attention see all of a picture, what is farther away hardly counts."""

Self = TypeVar("Self", bound="_Half")


class _Half(nn.Module):
    """Half of a network of diffusers, rebuilt from its configuration."""

    source: ClassVar[str]

    def __init__(self, config: str) -> None:
        super().__init__()
        network = make_network(self.source, json.loads(config))
        self.latent_channels = latent_channels(network.config)
        self._take(network)

    def _take(self, network: Any) -> None:
        raise NotImplementedError

    @classmethod
    def from_pretrained(cls: type[Self], path: str | None, subfolder: str | None = None) -> Self:
        """This half of a pretrained network.

        Args:
            path: a folder that diffusers saved, or a name on the Hugging Face hub.
            subfolder: where the network is in it, `vae` in a whole pipeline's folder; None: at its top.

        Raises:
            ImportError: diffusers is missing.
            FileNotFoundError: there is no such folder, or the hub cannot give it.
            ValueError: another kind of network is there, or one that is not supported.
        """
        network = read_network(cls.source, path, subfolder)
        half = cls(json.dumps(arguments(network), sort_keys=True))
        half._take(network)
        return half.requires_grad_(False).eval()


class _Encoder(_Half):
    """Image → latent; a stage ends with the last layer before the next halving, where its control is added.

    Args:
        config: the network's configuration as JSON, as diffusers writes it.
    """

    in_channels = 3
    receptive_field = None  # attention and group norms see everything
    stage_channels: list[int]
    halo: int
    stages: nn.ModuleList
    to_latent: nn.Sequential

    @property
    def down_factor(self) -> int:
        """Pixels per latent position and axis."""
        return int(2 ** (len(self.stages) - 1))

    def forward(self, image: Tensor, controls: Sequence[Tensor] | None = None) -> Tensor:
        """Encode `[B, 3, H, W]` in [0, 1], H and W multiples of `down_factor`.

        Args:
            image: the picture, its hole already set to 0.
            controls: one tensor per stage, `[B, stage_channels[i], H/2^i, W/2^i]`, added to its activation.
        """
        x = 2 * image - 1
        if controls is None:
            for stage in self.stages:
                x = stage(x)
            return self.to_latent(x)
        for stage, control in zip(self.stages, controls, strict=True):
            x = stage(x) + control
        return self.to_latent(x)


class _Decoder(_Half):
    """Latent → image. `ups[0]` takes the latent, each further block what the one before gives.

    Args:
        config: the network's configuration as JSON, as diffusers writes it.
    """

    halo: int
    ups: nn.ModuleList
    to_image: nn.Sequential

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, latent_channels, h, w]` → `[B, 3, h·down_factor, w·down_factor]`, clipped to [0, 1]."""
        for up in self.ups:
            latent = up(latent)
        return (self.to_image(latent) / 2 + 0.5).clamp(0, 1)


@part
class KLEncoder(_Encoder):
    """Encoder of an `AutoencoderKL`; the latent is the posterior's mode, scaled."""

    source = "AutoencoderKL"

    def _take(self, network: Any) -> None:
        layers = [network.quant_conv] if network.quant_conv is not None else []
        self.stage_channels, self.halo = list(network.config.block_out_channels), GLOBAL_HALO
        self.stages = down_stages(network.encoder)
        self.to_latent = nn.Sequential(*encoder_head(network.encoder), *layers, Mode(), Scale(network.config))


@part
class KLDecoder(_Decoder):
    """Decoder of an `AutoencoderKL`."""

    source = "AutoencoderKL"

    def _take(self, network: Any) -> None:
        layers = [network.post_quant_conv] if network.post_quant_conv is not None else []
        self.halo = GLOBAL_HALO
        self.ups = up_stages([Unscale(network.config), *layers], network.decoder)
        self.to_image = nn.Sequential(*picture_head(network.decoder))


@part
class VQEncoder(_Encoder):
    """Encoder of a `VQModel`; the latent is not quantised yet, so that the refiner's target is smooth."""

    source = "VQModel"

    def _take(self, network: Any) -> None:
        self.stage_channels, self.halo = list(network.config.block_out_channels), GLOBAL_HALO
        self.stages = down_stages(network.encoder)
        layers = [network.quant_conv, Scale(network.config)]
        self.to_latent = nn.Sequential(*encoder_head(network.encoder), *layers)


@part
class VQDecoder(_Decoder):
    """Decoder of a `VQModel`; it quantises first. Gradients pass the quantisation straight through."""

    source = "VQModel"

    def _take(self, network: Any) -> None:
        first = [Unscale(network.config), Quantise(network.quantize), network.post_quant_conv]
        self.halo = GLOBAL_HALO
        self.ups = up_stages(first, network.decoder)
        self.to_image = nn.Sequential(*picture_head(network.decoder))


@part
class TinyEncoder(_Encoder):
    """Encoder of an `AutoencoderTiny` (TAESD)."""

    source = "AutoencoderTiny"

    def _take(self, network: Any) -> None:
        *layers, last = network.encoder.layers
        self.stage_channels = list(network.config.encoder_block_out_channels)
        starts = [i for i, layer in enumerate(layers) if getattr(layer, "stride", None) == (2, 2)]
        stages = [layers[a:b] for a, b in zip([0, *starts], [*starts, len(layers)])]
        stages[0] = [Affine(0.5, 0.5), *stages[0]]  # it takes [0, 1]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.to_latent = nn.Sequential(last, Scale(network.config))
        self.halo = convolution_halo(network.config.num_encoder_blocks[::-1])


@part
class TinyDecoder(_Decoder):
    """Decoder of an `AutoencoderTiny` (TAESD)."""

    source = "AutoencoderTiny"

    def _take(self, network: Any) -> None:
        layers = [Unscale(network.config), SoftClip(), *network.decoder.layers]
        # A block ends with the convolution after its doubling.
        ends = [i + 2 for i, layer in enumerate(layers) if isinstance(layer, nn.Upsample)]
        self.ups = nn.ModuleList(nn.Sequential(*layers[a:b]) for a, b in zip([0, *ends], ends))
        self.to_image = nn.Sequential(*layers[ends[-1] :], Affine(2, -1))
        self.halo = convolution_halo(network.config.num_decoder_blocks)


def read_stage_channels(path: str | None, subfolder: str | None = None) -> list[int]:
    """Channels of each encoder stage of a network of diffusers, finest first; see `from_pretrained`."""
    config = read_config(path, subfolder)
    return list(config.get("encoder_block_out_channels") or config["block_out_channels"])


def read_latent_channels(path: str | None, subfolder: str | None = None) -> int:
    """Channels of the latent of a network of diffusers; see `from_pretrained`."""
    return latent_channels(read_config(path, subfolder))
