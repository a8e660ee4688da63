"""What the configuration files need from Python: resolvers.

Imports OmegaConf only, so that `--help` and `--cfg job` answer at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from omegaconf import ListConfig, OmegaConf


def register_resolvers() -> None:
    """Make the resolvers that the configuration files use known to OmegaConf; may be repeated."""
    OmegaConf.register_new_resolver("stage_channels", _stage_channels, replace=True)
    OmegaConf.register_new_resolver(
        "latent_channels", lambda ngf, n: _stage_channels(ngf, n)[-1], replace=True
    )
    OmegaConf.register_new_resolver("decoder_channels", _decoder_channels, replace=True)
    OmegaConf.register_new_resolver("validation_interval", lambda steps: max(1, steps // 5), replace=True)
    OmegaConf.register_new_resolver("share", _share, replace=True)
    OmegaConf.register_new_resolver(
        "down_factor", lambda stages: 2 ** (len(_looked_up(stages)) - 1), replace=True
    )
    OmegaConf.register_new_resolver("condition_channels", _condition_channels, replace=True)
    OmegaConf.register_new_resolver("dimension_shift", _dimension_shift, replace=True)
    OmegaConf.register_new_resolver("style_widths", _style_widths, replace=True)
    OmegaConf.register_new_resolver("times", lambda a, b: a * b, replace=True)
    OmegaConf.register_new_resolver("plus", lambda a, b: _looked_up(a) + b, replace=True)


def share_cores() -> None:
    """Let threads that wait for each other spin for some 10 µs, then sleep; call it before torch is imported.

    By default they spin for milliseconds, and where cores are shared, by the data workers for instance, they
    hold up the ones they wait for: a step of two threads on two busy cores took three times as long. To sleep
    at once costs half as much again as this. A user's own setting is respected.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _decoder_channels(stages: Sequence[int], blocks: Sequence[int]) -> ListConfig:
    """Channels after blocks of our decoder, whose encoder's stages have `stages` channels."""
    if OmegaConf.is_dict(stages):
        raise ValueError("discriminator.channels: give those of the decoder's blocks, as a list")
    if any(not 0 <= block < len(stages) - 1 for block in blocks):
        raise ValueError(f"blocks must be in 0..{len(stages) - 2}, the decoder's, got {list(blocks)}")
    return OmegaConf.create([stages[-2 - block] for block in blocks])


def _stage_channels(ngf: int, n_downsampling: int, max_channels: int = 1024) -> ListConfig:
    return OmegaConf.create([min(max_channels, ngf * 2**i) for i in range(n_downsampling + 1)])


def _style_widths(ngf: int, size: int) -> ListConfig:
    """StyleGAN2's channels at `size`, half of it, … 4: doubled each time, up to 8·ngf."""
    return OmegaConf.create([ngf * min(2**i, 8) for i in range(max(2, size.bit_length() - 2))])


def _share(steps: int, part: int, of: int) -> int:
    """`part / of` of so many steps, at least one."""
    return max(1, round(steps * part / of))


def _condition_channels(channels: int, down_factor: int, mean: bool = False) -> int:
    """What a denoiser sees beside the latent: see `models.refiners.conditioning.condition_channels`."""
    return (2 if mean else 1) * _looked_up(channels) + 1 + down_factor**2


def _dimension_shift(channels: int, size: int, down_factor: int) -> float:
    """As `paths.times.dimension_shift`; 1 for a latent of few numbers."""
    return max(1.0, round((_looked_up(channels) * (size / down_factor) ** 2 / 4096) ** 0.5, 3))


def _looked_up(value: Any) -> Any:
    """A value of a pretrained autoencoder that is read from its files, `read_latent_channels` say."""
    if not OmegaConf.is_dict(value):
        return value
    from latent_inpaint.instantiate import instantiate

    return instantiate(value)
