"""What the configuration files need from Python: resolvers, and overrides that make one run's configuration.

Imports OmegaConf only, so that `--help` and `--cfg job` answer at once.
"""

from __future__ import annotations

from omegaconf import OmegaConf


def register_resolvers() -> None:
    """Make the resolvers that the configuration files use known to OmegaConf; may be repeated."""
    OmegaConf.register_new_resolver("stage_channels", _stage_channels, replace=True)
    OmegaConf.register_new_resolver(
        "latent_channels", lambda ngf, n: _stage_channels(ngf, n)[-1], replace=True
    )
    OmegaConf.register_new_resolver("validation_interval", lambda steps: max(1, steps // 5), replace=True)


def _stage_channels(ngf: int, n_downsampling: int, max_channels: int = 1024) -> list[int]:
    return [min(max_channels, ngf * 2**i) for i in range(n_downsampling + 1)]
