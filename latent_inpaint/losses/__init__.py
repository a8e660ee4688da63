"""Losses: one file each, a pure function and a thin term around it; each cites its equation. No Lightning."""

from latent_inpaint.losses.adversarial import Adversary, discriminator_loss, generator_loss, r1_penalty
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.e_latent_lpips import ELatentLPIPS
from latent_inpaint.losses.feature_matching import feature_matching_loss
from latent_inpaint.losses.hole_weights import HoleWeights
from latent_inpaint.losses.latent_l1 import LatentL1, latent_l1
from latent_inpaint.losses.latent_network import LatentNetwork, latent_network_distance
from latent_inpaint.losses.latent_perceptual import LatentPerceptual, inlier_mask
from latent_inpaint.losses.mse import PixelMSE, pixel_mse
from latent_inpaint.losses.objective import NonFiniteLossError, Objective
from latent_inpaint.losses.overlap_l2 import OverlapL2, overlap_l2
from latent_inpaint.losses.perceptual import Perceptual, perceptual_loss
from latent_inpaint.losses.pixel_l1 import PixelL1, pixel_l1
from latent_inpaint.losses.regression import Regression, regression_loss
from latent_inpaint.losses.self_perceptual import SelfPerceptual, self_perceptual_loss
from latent_inpaint.losses.shared import Shared

__all__ = [
    "Adversary",
    "ELatentLPIPS",
    "HoleWeights",
    "LatentL1",
    "LatentNetwork",
    "LatentPerceptual",
    "LossTerm",
    "NonFiniteLossError",
    "Objective",
    "OverlapL2",
    "Perceptual",
    "PixelL1",
    "PixelMSE",
    "Regression",
    "SelfPerceptual",
    "Shared",
    "discriminator_loss",
    "feature_matching_loss",
    "generator_loss",
    "inlier_mask",
    "latent_l1",
    "latent_network_distance",
    "overlap_l2",
    "perceptual_loss",
    "pixel_l1",
    "pixel_mse",
    "r1_penalty",
    "regression_loss",
    "self_perceptual_loss",
]
