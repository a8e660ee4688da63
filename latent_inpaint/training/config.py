"""What the configuration files need from Python: resolvers, and overrides that make one run's configuration.

Imports OmegaConf only, so that `--help` and `--cfg job` answer at once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf


def register_resolvers() -> None:
    """Make the resolvers that the configuration files use known to OmegaConf; may be repeated."""
    OmegaConf.register_new_resolver("stage_channels", _stage_channels, replace=True)
    OmegaConf.register_new_resolver(
        "latent_channels", lambda ngf, n: _stage_channels(ngf, n)[-1], replace=True
    )
    OmegaConf.register_new_resolver("decoder_channels", _decoder_channels, replace=True)
    OmegaConf.register_new_resolver("validation_interval", lambda steps: max(1, steps // 5), replace=True)
    OmegaConf.register_new_resolver("is_set", lambda value: value is not None, replace=True)


def share_cores() -> None:
    """Let threads that wait for each other spin for some 10 µs, then sleep; call it before torch is imported.

    By default they spin for milliseconds, and where cores are shared, by the data workers for instance, they
    hold up the ones they wait for: a step of two threads on two busy cores took three times as long. To sleep
    at once costs half as much again as this. A user's own setting is respected.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def require_experiment(cfg: DictConfig, folder: Path) -> None:
    """Leave with the list of experiments (the files of `folder`) if the command line names none."""
    if OmegaConf.is_missing(cfg, "experiment_name"):
        names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        sys.exit(f"Error: give +experiment=NAME, one of {names}")


def fail(error: Exception) -> None:
    """Leave with the error in one line, which names the key of what Hydra could not make.

    In a sweep it is kept in the job's folder, where `bin/summarize.py` finds it, and raised, so that the
    other jobs go on; it is raised as well when HYDRA_FULL_ERROR=1 asks for the whole trace.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from latent_inpaint.evaluation.files import ERROR_NAME

    error = _named(error)
    job = HydraConfig.get()
    if job.mode == RunMode.MULTIRUN:
        folder = Path(job.runtime.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ERROR_NAME).write_text(f"{error}  [{' '.join(job.overrides.task)}]\n", encoding="utf-8")
        print(f"Error: job {job.job.num}: {error}", file=sys.stderr)
        raise error
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    sys.exit(f"Error: {error}\n(HYDRA_FULL_ERROR=1 shows where)")


def _named(error: Exception) -> Exception:
    """The cause of Hydra's InstantiationException, its message after the key; other errors as they are."""
    from hydra.errors import InstantiationException

    cause = error.__cause__
    if not isinstance(error, InstantiationException) or not isinstance(cause, Exception):
        return error
    key = re.search(r"^full_key: (\S+)$", str(error), re.MULTILINE)
    return ValueError(f"{key[1]}: {cause}") if key else cause


def _decoder_channels(stages: Sequence[int], blocks: Sequence[int]) -> ListConfig:
    """Channels after blocks of our decoder, whose encoder's stages have `stages` channels."""
    if OmegaConf.is_dict(stages):
        raise ValueError("training.discriminator.channels: give those of the decoder's blocks, as a list")
    if any(not 0 <= block < len(stages) - 1 for block in blocks):
        raise ValueError(f"blocks must be in 0..{len(stages) - 2}, the decoder's, got {list(blocks)}")
    return OmegaConf.create([stages[-2 - block] for block in blocks])


def _stage_channels(ngf: int, n_downsampling: int, max_channels: int = 1024) -> ListConfig:
    return OmegaConf.create([min(max_channels, ngf * 2**i) for i in range(n_downsampling + 1)])
