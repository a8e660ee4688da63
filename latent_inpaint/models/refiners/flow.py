"""Flow matching in the latent (Lipman et al., 2023; rectified flow, Liu et al., 2023)."""

from __future__ import annotations

from latent_inpaint.models.denoisers.base import Denoiser
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Refiner
from latent_inpaint.models.refiners.conditioning import ExactView, View
from latent_inpaint.models.refiners.generative import GenerativeRefiner
from latent_inpaint.models.refiners.sampling import Euler, Guidance, Sampler
from latent_inpaint.paths.path import LinearPath
from latent_inpaint.paths.prediction import Clean, Prediction
from latent_inpaint.paths.times import LogitNormal, Stratified, TimeDensity
from latent_inpaint.paths.weights import TimeWeight, VelocityError


@part
class FlowRefiner(GenerativeRefiner):
    """A flow from noise to latents, given the masked latent, the hole, and the mask.

    As set here: z0 is predicted, its error counts as that of the velocity (JiT, Li & He, 2025).

    Args:
        denoiser: network; its `condition_channels` are those of the view, or 0 for an unconditional one.
        prediction: what it predicts.
        times: density of the times in training.
        time_shift: of the times in training and of the sampler's steps; see `dimension_shift`.
        weight: by time, of the squared error; divided by its mean over the times.
        sampler: how it samples.
        steps: steps of the sampler where nobody says how many.
        dropped: share of the training samples without condition, in [0, 1).
        guidance: classifier-free guidance; needs dropped conditions.
        mean: frozen deterministic refiner; the flow gives what is left, and sees its latent.
        down_factor: pixels per latent position and axis.
        clean_known: known positions are at t = 0 always, in training and sampling (TD-Paint, arXiv
            2410.09306).
        non_negative: no value of the latent is below 0, as after the ReLU of LaMa's encoder.
        n_batches: batches over which the latents' mean and deviation are measured.
        view: what the denoiser sees of the condition.

    Raises:
        ValueError: settings that do not fit each other.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        prediction: Prediction = Clean(),
        times: TimeDensity = Stratified(LogitNormal(uniform=0.1)),
        time_shift: float = 1.0,
        weight: TimeWeight = VelocityError(),
        sampler: Sampler = Euler(),
        steps: int = 8,
        dropped: float = 0.1,
        guidance: Guidance = Guidance(),
        mean: Refiner | None = None,
        down_factor: int = 8,
        clean_known: bool = False,
        non_negative: bool = False,
        n_batches: int = 100,
        view: View = ExactView(),
    ) -> None:
        super().__init__(
            denoiser,
            LinearPath(),
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
