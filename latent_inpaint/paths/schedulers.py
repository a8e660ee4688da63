"""Schedulers of diffusers as samplers, their traps kept out (extra `diffusers`)."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.paths.noise import Generators
from latent_inpaint.paths.path import LinearPath, Path, VariancePreservingPath
from latent_inpaint.paths.prediction import Clean, Noise, Prediction, Velocity
from latent_inpaint.paths.samplers import Field, Progress, check_times

PREDICTIONS: dict[str, Prediction] = {"epsilon": Noise(), "v_prediction": Velocity(), "sample": Clean()}
"""What our predictions are called in a scheduler's configuration."""


def scheduler_sampler(
    scheduler: Any,
    estimate: Field,
    z: Tensor,
    times: Tensor,
    path: Path,
    generator: Generators | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Sample with a scheduler of diffusers; z at 0.

    A flow scheduler takes the times as its sigmas, as they are: its own shift and its own last, wasted step
    are kept out. A scheduler of DDPM's kind takes them as timesteps `1000·t − 1`, which it may only choose by
    itself: `times` must be evenly spaced and end at 0, and it must space them "trailing".

    Args:
        scheduler: such as `FlowMatchEulerDiscreteScheduler` or `DDIMScheduler`.
        estimate: ẑ0 at (z, t), on `path`.
        z: noise, `[B, C, h, w]`.
        times: `[N + 1]`, from 1 down to 0.
        path: a `LinearPath` for flow schedulers, for the others a `VariancePreservingPath` with the
            scheduler's betas.
        generator: of the noise that the scheduler draws, if any.
        progress: called after each network call.

    Raises:
        ValueError: times that do not fit; a scheduler that clips or thresholds its estimates to the range of
            pictures, shifts the times a second time, spaces them otherwise, or belongs to another path.

    Example:
        >>> from diffusers import FlowMatchEulerDiscreteScheduler
        >>> scheduler, times = FlowMatchEulerDiscreteScheduler(), torch.linspace(1, 0, 4)
        >>> z = torch.ones(1, 1, 1, 1)
        >>> round(scheduler_sampler(scheduler, lambda z, t: z / 2, z, times, LinearPath()).item(), 4)
        0.3125
    """
    check_times(times)
    if float(times[0]) != 1 or float(times[-1]) != 0:
        raise ValueError(f"times must go from 1 to 0 for a scheduler, got {times.tolist()}")
    _check(scheduler, path)
    flow = isinstance(path, LinearPath)
    z = z * getattr(scheduler, "init_noise_sigma", 1.0)
    if flow:
        scheduler.set_timesteps(sigmas=times[:-1].tolist(), device=z.device)
    else:
        _set_even(scheduler, times, z.device)
    prediction = Velocity() if flow else PREDICTIONS[scheduler.config.prediction_type]
    extra = {} if generator is None else {"generator": _as_list(generator)}
    n_train = scheduler.config.num_train_timesteps
    for index, timestep in enumerate(scheduler.timesteps):
        t = timestep / n_train if flow else (timestep + 1) / n_train
        t = t.to(z)
        scaled = scheduler.scale_model_input(z, timestep) if hasattr(scheduler, "scale_model_input") else z
        output = prediction.from_clean(path, estimate(scaled, t), scaled, t)
        z = scheduler.step(output, timestep, z, return_dict=False, **extra)[0]
        if progress is not None:
            progress(index + 1, len(scheduler.timesteps))
    return z


def _check(scheduler: Any, path: Path) -> None:
    name, config = type(scheduler).__name__, scheduler.config
    for option in ("clip_sample", "thresholding"):
        if config.get(option, False):
            raise ValueError(
                f"scheduler: {name} has {option}=True, which forces latents into the range of pictures; "
                f"make it with {option}=False"
            )
    flow_scheduler = "prediction_type" not in config
    if flow_scheduler != isinstance(path, LinearPath):
        raise ValueError(
            f"scheduler: {name} samples {'flows' if flow_scheduler else 'diffusions'}, the path is a "
            f"{type(path).__name__}"
        )
    if flow_scheduler and "sigmas" not in inspect.signature(scheduler.set_timesteps).parameters:
        raise ValueError(f"scheduler: {name} takes no times; use FlowMatchEulerDiscreteScheduler")
    if flow_scheduler and (config.get("shift", 1.0) != 1.0 or config.get("use_dynamic_shifting", False)):
        raise ValueError(f"scheduler: {name} shifts the times a second time; make it with shift=1")
    if not flow_scheduler:
        if config.get("timestep_spacing") != "trailing":
            raise ValueError(
                f"scheduler: {name} has timestep_spacing={config.get('timestep_spacing')!r} and never starts "
                "at pure noise; make it with timestep_spacing='trailing'"
            )
        _check_betas(scheduler, path)


def _check_betas(scheduler: Any, path: Path) -> None:
    assert isinstance(path, VariancePreservingPath)
    theirs = scheduler.alphas_cumprod
    t = (torch.arange(len(theirs)) + 1) / len(theirs)
    if not torch.allclose(path.coefficients(t)[0].square(), theirs.float(), atol=1e-4):
        raise ValueError(
            f"scheduler: {type(scheduler).__name__} has other betas (or terminal SNR) than the path {path}"
        )


def _set_even(scheduler: Any, times: Tensor, device: torch.device) -> None:
    n_steps = len(times) - 1
    if not torch.allclose(times, torch.linspace(1, 0, n_steps + 1).to(times), atol=1e-4):
        raise ValueError(f"times must be evenly spaced for {type(scheduler).__name__}, got {times.tolist()}")
    scheduler.set_timesteps(n_steps, device=device)


def _as_list(generator: Generators) -> Any:
    return generator if isinstance(generator, torch.Generator) else list(generator)
