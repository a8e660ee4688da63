"""Losses: one file each, a pure function and a thin term around it; each cites its equation. No Lightning."""

from latent_inpaint.losses.adversarial import (
    Adversarial,
    DiscriminatorObjective,
    discriminator_loss,
    generator_loss,
    r1_penalty,
)
from latent_inpaint.losses.adversarial_output import (
    AdversarialOutput,
    LatentSpace,
    PixelSpace,
)
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.feature_matching import FeatureMatching, feature_matching_loss
from latent_inpaint.losses.feature_spaces import DecoderFeatures, PictureFeatures
from latent_inpaint.losses.latent_l1 import LatentL1
from latent_inpaint.losses.latent_perceptual import LatentPerceptual, inlier_mask
from latent_inpaint.losses.mse import PixelMSE, pixel_mse
from latent_inpaint.losses.objective import NonFiniteLossError, Objective
from latent_inpaint.losses.perceptual import Perceptual, perceptual_loss
from latent_inpaint.losses.pixel_l1 import PixelL1

__all__ = [
    "Adversarial",
    "AdversarialOutput",
    "DecoderFeatures",
    "DiscriminatorObjective",
    "FeatureMatching",
    "LatentL1",
    "LatentPerceptual",
    "LatentSpace",
    "LossTerm",
    "NonFiniteLossError",
    "Objective",
    "Perceptual",
    "PictureFeatures",
    "PixelL1",
    "PixelMSE",
    "PixelSpace",
    "discriminator_loss",
    "feature_matching_loss",
    "generator_loss",
    "inlier_mask",
    "perceptual_loss",
    "pixel_mse",
    "r1_penalty",
]
