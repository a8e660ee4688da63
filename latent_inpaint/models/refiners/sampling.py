"""How a generative refiner samples: ODE solvers, DDIM, and what is done with the known region meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.models.parts import part
from latent_inpaint.paths import known as regions
from latent_inpaint.paths import path as paths
from latent_inpaint.paths import prediction, samplers, times, weights
from latent_inpaint.paths.samplers import Field, Progress
from latent_inpaint.paths.schedulers import scheduler_sampler

for _value in (
    *(paths.LinearPath, paths.VariancePreservingPath),
    *(paths.LinearBetas, paths.ScaledLinearBetas, paths.CosineBetas),
    *(prediction.Clean, prediction.Noise, prediction.Velocity),
    *(times.Uniform, times.LogitNormal, times.Stratified),
    *(weights.Unweighted, weights.VelocityError, weights.MinSNR, weights.Reweighting),
):
    part(_value)  # arguments of saved refiners


@dataclass(frozen=True)
class Task:
    """What is to be sampled, in standardised units.

    Attributes:
        estimate: ẑ0 at (z, t), on `path`.
        path: of the times and of `z`.
        z: noise, `[B, C, h, w]`.
        times: from 1 down to 0.
        generators: one a picture, for further noise.
        known: the known latents, and where they are known; None where the condition does not say.
        progress: called with (done, all) network calls or steps.
    """

    estimate: Field
    path: paths.Path
    z: Tensor
    times: Tensor
    generators: list[torch.Generator]
    known: regions.Known | None = None
    progress: Progress | None = None

    def region(self) -> regions.Known:
        """The known region.

        Raises:
            ValueError: the condition has no `hole`.
        """
        if self.known is None:
            raise ValueError("condition: this sampler puts known latents in; condition.hole must say where")
        return self.known


@dataclass(frozen=True)
class Sampler:
    """A way to sample; its fields are its settings."""

    def __call__(self, task: Task) -> Tensor:
        """The latent at t = 0, `[B, C, h, w]`."""
        raise NotImplementedError


@part
@dataclass(frozen=True)
class Euler(Sampler):
    """Euler's method on the flow; on the variance-preserving path it is done at the same noise levels."""

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        return _solve(samplers.euler, task)


@part
@dataclass(frozen=True)
class Heun(Sampler):
    """Heun's method; the last step is Euler's, since a velocity from ẑ0 says nothing at t = 0."""

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        return _solve(samplers.heun, task)


@part
@dataclass(frozen=True)
class RungeKutta(Sampler):
    """The classical method of order 4 (LPL's flow); the last step is Euler's, as in `Heun`."""

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        return _solve(samplers.rk4, task)


@part
@dataclass(frozen=True)
class DDIM(Sampler):
    """DDIM; `eta=1` is ancestral sampling (DDPM)."""

    eta: float = 0.0

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        return samplers.ddim(
            task.estimate,
            task.z,
            task.times,
            task.path,
            self.eta,
            task.generators,
            progress=task.progress,
        )


@part
@dataclass(frozen=True)
class Override(Sampler):
    """GLIDE: the estimate is the known latent where that is known; any sampler within."""

    sampler: Sampler = Euler()

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        return self.sampler(replace(task, estimate=regions.override(task.estimate, task.region())))


@part
@dataclass(frozen=True)
class NoisedKnown(Sampler):
    """DDIM; after each step the known latents are put in, noised: by the first noise where `eta` is 0."""

    eta: float = 0.0

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        fixed = regions.noised_known(task.region(), task.path, task.z)
        fresh = regions.freshly_noised_known(task.region(), task.path, task.generators)
        return samplers.ddim(
            task.estimate,
            task.z,
            task.times,
            task.path,
            self.eta,
            task.generators,
            projection=fresh if self.eta else fixed,
            progress=task.progress,
        )


@part
@dataclass(frozen=True)
class RePaint(Sampler):
    """RePaint's resampling: `jump_length` steps back, `n_resample` times; 20 steps are 35 calls as set here,
    250 steps with (10, 10) the paper's 2,410."""

    jump_length: int = 5
    n_resample: int = 2
    eta: float = 1.0

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        step = samplers.ddim_step(task.estimate, task.path, self.eta, task.generators)
        return regions.repaint(
            step,
            task.z,
            task.times,
            self._moves(len(task.times) - 1),
            task.path,
            task.region(),
            task.generators,
            task.progress,
        )

    def _moves(self, steps: int) -> list[int]:
        return regions.resampling_schedule(steps, self.jump_length, self.n_resample)


@dataclass(frozen=True)
class DiffusersSampler(Sampler):
    """A scheduler of diffusers; see `scheduler_sampler`. It is given to `sample`, not saved with a model."""

    scheduler: Any

    def __call__(self, task: Task) -> Tensor:
        """See `Sampler`."""
        return scheduler_sampler(
            self.scheduler,
            task.estimate,
            task.z,
            task.times,
            task.path,
            task.generators,
            task.progress,
        )


@part
@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance: `scale` 1 is none; it acts at times within (`lowest`, `highest`)."""

    scale: float = 1.0
    lowest: float = 0.0
    highest: float = 0.9

    def __call__(self, conditional: Field, unconditional: Field) -> Field:
        """The guided estimate."""
        return samplers.guided(conditional, unconditional, self.scale, (self.lowest, self.highest))


def _solve(solver: Callable[..., Tensor], task: Task) -> Tensor:
    """All steps but the last by `solver`, the last by Euler, on the linear path."""
    flow = paths.LinearPath()
    z, levels, estimate = task.z, task.times.to(task.z), task.estimate
    if task.path != flow:
        estimate = samplers.estimate_on(flow, estimate, task.path)
        levels = flow.time_of(*task.path.coefficients(levels))
        z, _ = paths.change_path(z, task.times[0].to(z), task.path, flow)
    velocity, n_steps = samplers.velocity_from(estimate), len(levels) - 1

    def progress(done: int, _: int) -> None:
        if task.progress is not None:
            task.progress(done, n_steps)

    if n_steps > 1:
        z = solver(velocity, z, levels[:-1], progress=progress)
    return samplers.euler(velocity, z, levels[-2:], progress=lambda *_: progress(n_steps, n_steps))
