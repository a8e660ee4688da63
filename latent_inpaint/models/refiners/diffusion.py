"""Diffusion in the latent (Ho et al., 2020; LDM, Rombach et al., 2022)."""

from __future__ import annotations

from latent_inpaint.models.denoisers.base import Denoiser
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Refiner
from latent_inpaint.models.refiners.conditioning import ExactView, View
from latent_inpaint.models.refiners.generative import GenerativeRefiner
from latent_inpaint.models.refiners.sampling import DDIM, Guidance, Sampler
from latent_inpaint.paths.path import VariancePreservingPath
from latent_inpaint.paths.prediction import Noise, Prediction, Velocity
from latent_inpaint.paths.times import Stratified, TimeDensity, Uniform
from latent_inpaint.paths.weights import TimeWeight, Unweighted


@part
class DiffusionRefiner(GenerativeRefiner):
    """Diffusion on a variance-preserving path, given the masked latent, the hole, and the mask.

    As set here: velocity, zero terminal SNR, uniform times, DDIM.

    Args:
        denoiser: as in `FlowRefiner`.
        path: with its betas; without zero terminal SNR where ε is predicted.
        prediction: what the network predicts.
        times: density of the times in training.
        time_shift: of the times in training and of the sampler's steps.
        weight: by time, of the squared error; divided by its mean over the times.
        sampler: how it samples.
        steps: steps of the sampler where nobody says how many.
        dropped: share of the training samples without condition, in [0, 1).
        guidance: classifier-free guidance; needs dropped conditions.
        mean: as in `FlowRefiner`.
        down_factor: pixels per latent position and axis.
        clean_known: as in `FlowRefiner`.
        non_negative: as in `FlowRefiner`.
        n_batches: batches over which the latents' mean and deviation are measured.
        view: what the denoiser sees of the condition.

    Raises:
        ValueError: settings that do not fit each other; ε on a path that ends without signal.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        path: VariancePreservingPath = VariancePreservingPath(),
        prediction: Prediction = Velocity(),
        times: TimeDensity = Stratified(Uniform()),
        time_shift: float = 1.0,
        weight: TimeWeight = Unweighted(),
        sampler: Sampler = DDIM(),
        steps: int = 20,
        dropped: float = 0.1,
        guidance: Guidance = Guidance(),
        mean: Refiner | None = None,
        down_factor: int = 8,
        clean_known: bool = False,
        non_negative: bool = False,
        n_batches: int = 100,
        view: View = ExactView(),
    ) -> None:
        if path.zero_terminal_snr and isinstance(prediction, Noise):
            raise ValueError(
                "prediction: at t = 1 the path has no signal, and ε says nothing about z0; predict the "
                "velocity or z0, or set path.zero_terminal_snr to False"
            )
        super().__init__(
            denoiser,
            path,
            prediction,
            times,
            time_shift,
            weight,
            sampler,
            steps,
            dropped,
            guidance,
            mean,
            down_factor,
            clean_known,
            non_negative,
            n_batches,
            view,
        )
