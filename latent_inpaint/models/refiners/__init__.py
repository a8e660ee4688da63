"""Refiners: repair the latent of a masked picture."""

from latent_inpaint.models.refiners.base import Condition, FunctionRefiner, Refined, Refiner
from latent_inpaint.models.refiners.ffc import FFCRefiner

__all__ = ["Condition", "FFCRefiner", "FunctionRefiner", "Refined", "Refiner"]
