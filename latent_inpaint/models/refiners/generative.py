"""What flow and diffusion refiners share: they learn to undo a latent's noise, given what is known.

Everything in here is in standardised units; what comes in and goes out is in the encoder's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from latent_inpaint.models.denoisers.base import Denoiser, trains
from latent_inpaint.models.latent_statistics import LatentStatistics
from latent_inpaint.models.refiners.base import Condition, Refined, Refiner
from latent_inpaint.models.refiners.conditioning import View, check_settings
from latent_inpaint.models.refiners.denoised import Denoised
from latent_inpaint.models.refiners.sampling import Guidance, Sampler, Task
from latent_inpaint.paths.known import Known, position_times
from latent_inpaint.paths.noise import Generators, normal_like, seeded, seeds, sent_to, shared
from latent_inpaint.paths.path import LinearPath, Path
from latent_inpaint.paths.prediction import Prediction
from latent_inpaint.paths.samplers import Field, Progress
from latent_inpaint.paths.times import TimeDensity, sampling_times, shift
from latent_inpaint.paths.weights import TimeWeight, mean_weight

LAST_SIGNAL = 0.99
"""Where ε is predicted and nothing of the latent is left at t = 1, sampling starts here."""


class GenerativeRefiner(Refiner):
    """A denoiser on a path. Arguments as in `FlowRefiner` and `DiffusionRefiner`."""

    multiple = True
    learns_from_target = True

    def __init__(
        self,
        denoiser: Denoiser,
        path: Path,
        prediction: Prediction,
        times: TimeDensity,
        time_shift: float,
        weight: TimeWeight,
        sampler: Sampler,
        steps: int,
        dropped: float,
        guidance: Guidance,
        mean: Refiner | None,
        down_factor: int,
        clean_known: bool,
        non_negative: bool,
        n_batches: int,
        view: View,
    ) -> None:
        super().__init__()
        check_settings(denoiser, steps, dropped, guidance, mean, down_factor, clean_known, view)
        self.view = view
        self.denoiser = denoiser
        self.path, self.prediction = path, prediction
        self.times, self.time_shift = times, time_shift
        self.weight = weight
        self.mean_weight = mean_weight(weight, path, prediction, times, time_shift)
        self.sampler, self.steps, self.guidance = sampler, steps, guidance
        self.dropped, self.clean_known, self.non_negative = dropped, clean_known, non_negative
        self.mean = None if mean is None else mean.requires_grad_(False).eval()
        self.frozen = () if mean is None else ("mean",)
        self.statistics = LatentStatistics(denoiser.channels, n_batches)
        self.condition_statistics = LatentStatistics(denoiser.channels, n_batches)

    def train(self, mode: bool = True) -> GenerativeRefiner:
        """The refiner that gives the mean stays frozen."""
        super().train(mode)
        if self.mean is not None:
            self.mean.eval()
        return self

    def training_output(
        self, condition: Condition, target: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Refined:
        """`Denoised`: the clean estimate at one random time a picture, the denoiser's own regression there.

        While the refiner that gives the mean trains, what that gives.

        `time` is the one at which a flow has as much noise, so that σ/α is `t/(1 − t)` whatever the path.

        Of the generator are drawn, in this order: the batch's times, its noise, whose condition is dropped.
        Times are drawn for the batch (they may be stratified), so a picture's depend on its place in it.

        Raises:
            ValueError: no target or no generator.
        """
        if target is None:
            raise ValueError(f"target: {type(self).__name__} learns from the true latent, got None")
        if generator is None:
            raise ValueError(f"generator: {type(self).__name__} draws times and noise, got None")
        if self.mean is not None and trains(self.mean):  # its own stage, before the rest
            return self.mean.training_output(condition, target, generator)
        base = self._base(condition)
        target = target if base is None else target - base
        if self.statistics.training:
            self.statistics.update(target)
        if self.condition_statistics.training:
            self.condition_statistics.update(target if base is None else target + base)
        clean = self.statistics.standardise(target)
        batch = len(clean)
        times = shared(generator, batch, lambda n: self.times.draw(n, generator))
        t = sent_to(clean, shift(times, self.time_shift))
        noise = normal_like(clean, generator)
        drops = shared(generator, batch, lambda n: torch.rand(n, generator=generator))
        kept = sent_to(clean, drops) >= self.dropped
        channels, known = self._channels(condition, base, kept), self._known(condition, base)
        levels = self._levels(t, known, kept)
        z = self.path.at(clean, noise, levels)
        output = self.denoiser(z, t, channels)
        estimate = self.prediction.clean(self.path, output, z, levels)
        return Denoised(
            latent=self._latent(estimate, base),
            regression=(output, self.prediction.target(self.path, clean, noise, levels)),
            time=LinearPath().time_of(*self.path.coefficients(t)),
            weight=self.weight(self.path, self.prediction, t) / self.mean_weight,
            path=self.path,
            noised=z,
            levels=levels,
            clean=(estimate, clean),
            noise=noise,
            channels=channels,
        )

    @torch.no_grad()
    def sample(
        self,
        condition: Condition,
        generator: Generators | None = None,
        steps: int | None = None,
        n: int = 1,
        sampler: Sampler | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """Repaired latents `[B, C, h, w]`; with n > 1 `[n, B, C, h, w]`, one sample after the other.

        Each sample of each picture gets a seed of its own, drawn from `generator`: with a list of generators,
        one a picture, a picture's samples do not depend on the batch, and its first is the same for every n.

        Args:
            condition: what is known.
            generator: CPU generator, or a list of B.
            steps: of the sampler; see `calls`. None: the refiner's own number.
            n: fills of each picture.
            sampler: another one than the refiner's own.
            progress: called with (done, all), over all samples.

        Raises:
            ValueError: steps or n below 1, no generator, or one that does not fit the batch.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if generator is None:
            raise ValueError(f"generator: {type(self).__name__} draws noise, got None")
        batch = len(condition.masked_latent)
        drawn = seeds(n * batch if isinstance(generator, torch.Generator) else n, generator).view(n, -1)
        if drawn.shape[1] != batch:
            raise ValueError(f"generator: a list must hold one a picture, {batch}, got {drawn.shape[1]}")
        samples = []
        for index in range(n):
            generators = seeded(drawn[index])
            noise = normal_like(condition.masked_latent, generators)
            told = None if progress is None else _counted(progress, index, n)
            samples.append(self.solve(condition, noise, generators, steps, sampler, told))
        return torch.stack(samples) if n > 1 else samples[0]

    @torch.no_grad()
    def solve(
        self,
        condition: Condition,
        noise: Tensor,
        generators: Sequence[torch.Generator] = (),
        steps: int | None = None,
        sampler: Sampler | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """The repaired latent that the sampler makes of this noise, `[B, C, h, w]`.

        Args:
            condition: what is known.
            noise: standard normal numbers, `[B, C, h, w]`.
            generators: one a picture, for samplers that draw on their way.
            steps: see `sample`; so the rest.
            sampler: another one than the refiner's own.
            progress: called with (done, all).
        """
        grid = sampling_times(self.steps if steps is None else steps, self.time_shift, self.first_time)
        base = self._base(condition)
        estimate, known = self._estimate(condition, base), self._known(condition, base)
        task = Task(estimate, self.path, noise, grid.to(noise), list(generators), known, progress)
        return self._latent((sampler or self.sampler)(task), base)

    def calls(self, steps: int | None = None, sampler: Sampler | None = None) -> int:
        """How often a sample calls the denoiser, guided estimates counting twice. Arguments: see `sample`."""
        count = 0

        def estimate(z: Tensor, t: Tensor) -> Tensor:
            nonlocal count
            count += 1
            return z

        z = torch.zeros(1, 1, 1, 1)
        grid = sampling_times(self.steps if steps is None else steps, self.time_shift, self.first_time)
        guided = self.guidance(estimate, estimate) if self.guidance.scale != 1 else estimate
        known = Known(z, torch.ones_like(z))
        (sampler or self.sampler)(Task(guided, self.path, z, grid, [torch.Generator()], known))
        return count

    @cached_property
    def first_time(self) -> float:
        """1, or less where the prediction says nothing about z0 in pure noise (ε on a flow's path)."""
        return 1.0 if self.prediction.determinant(self.path, torch.ones(())) != 0 else LAST_SIGNAL

    def _base(self, condition: Condition) -> Tensor | None:
        if self.mean is None:
            return None
        with torch.no_grad():
            return self.mean.sample(condition)

    def _estimate(self, condition: Condition, base: Tensor | None) -> Field:
        """ẑ0 at (z, t), guided."""
        batch, known = condition.masked_latent.shape[0], self._known(condition, base)

        def field(keep: bool) -> Field:
            kept = torch.full((batch,), float(keep), device=condition.masked_latent.device) > 0.5
            channels = self._channels(condition, base, kept)

            def estimate(z: Tensor, t: Tensor) -> Tensor:
                t = t.expand(batch)
                levels = self._levels(t, known, kept)
                if self.clean_known and keep:
                    z = cast(Known, known).put(z)
                return self.prediction.clean(self.path, self.denoiser(z, t, channels), z, levels)

            return estimate

        return self.guidance(field(True), field(False)) if self.guidance.scale != 1 else field(True)

    def _channels(self, condition: Condition, base: Tensor | None, kept: Tensor) -> Tensor | None:
        if not self.denoiser.condition_channels:
            return None
        return self.view(condition, base, kept, self.condition_statistics)

    def _known(self, condition: Condition, base: Tensor | None) -> Known | None:
        if condition.hole is None:
            return None
        latent = condition.masked_latent if base is None else condition.masked_latent - base
        return Known(self.statistics.standardise(latent), 1 - condition.hole)

    def _levels(self, t: Tensor, known: Known | None, kept: Tensor) -> Tensor:
        """Times `[B]`, or of each position where known ones are shown without noise."""
        if not self.clean_known or known is None:
            return t
        return torch.where(kept.view(-1, 1, 1, 1), position_times(t, known), t.view(-1, 1, 1, 1))

    def _latent(self, estimate: Tensor, base: Tensor | None) -> Tensor:
        latent = self.statistics.restore(estimate)
        latent = latent if base is None else latent + base
        return latent.clamp_min(0) if self.non_negative else latent


def _counted(progress: Progress, index: int, n: int) -> Progress:
    return lambda done, steps: progress(index * steps + done, n * steps)
