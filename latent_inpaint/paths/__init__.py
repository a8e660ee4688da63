"""Paths from noise to latents, what a network predicts on them, and samplers: functions and small values."""

from latent_inpaint.paths.noise import Generators, normal_like
from latent_inpaint.paths.path import (
    CosineBetas,
    LinearBetas,
    LinearPath,
    Path,
    ScaledLinearBetas,
    VariancePreservingPath,
    change_path,
)
from latent_inpaint.paths.prediction import Clean, Noise, Prediction, Velocity
from latent_inpaint.paths.times import LogitNormal, Stratified, TimeDensity, Uniform, dimension_shift, shift
from latent_inpaint.paths.weights import MinSNR, Reweighting, TimeWeight, Unweighted, VelocityError

__all__ = [
    "Clean",
    "CosineBetas",
    "Generators",
    "LinearBetas",
    "LinearPath",
    "LogitNormal",
    "MinSNR",
    "Noise",
    "Path",
    "Prediction",
    "Reweighting",
    "ScaledLinearBetas",
    "Stratified",
    "TimeDensity",
    "TimeWeight",
    "Uniform",
    "Unweighted",
    "VariancePreservingPath",
    "Velocity",
    "VelocityError",
    "change_path",
    "dimension_shift",
    "normal_like",
    "shift",
]
