"""Refiners: repair the latent of a masked picture."""

from latent_inpaint.models.refiners.base import Condition, FunctionRefiner, Refined, Refiner
from latent_inpaint.models.refiners.conditioning import ExactView, LDMView, View, condition_channels
from latent_inpaint.models.refiners.denoised import Denoised
from latent_inpaint.models.refiners.diffusion import DiffusionRefiner
from latent_inpaint.models.refiners.ffc import FFCRefiner
from latent_inpaint.models.refiners.flow import FlowRefiner
from latent_inpaint.models.refiners.generative import GenerativeRefiner
from latent_inpaint.models.refiners.modulated import ModulatedFFCRefiner
from latent_inpaint.models.refiners.recurrent import RecurrentFFCRefiner

__all__ = [
    "Condition",
    "Denoised",
    "DiffusionRefiner",
    "ExactView",
    "FFCRefiner",
    "FlowRefiner",
    "FunctionRefiner",
    "GenerativeRefiner",
    "LDMView",
    "ModulatedFFCRefiner",
    "RecurrentFFCRefiner",
    "Refined",
    "Refiner",
    "View",
    "condition_channels",
]
