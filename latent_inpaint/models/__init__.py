"""Networks: no losses, no Lightning."""

from latent_inpaint.models.autoencoders.block_transform import BlockDecoder, BlockEncoder
from latent_inpaint.models.autoencoders.diffusers import (
    KLDecoder,
    KLEncoder,
    TinyDecoder,
    TinyEncoder,
    VQDecoder,
    VQEncoder,
)
from latent_inpaint.models.autoencoders.ffc import Autoencoder, Decoder, Encoder
from latent_inpaint.models.autoencoders.residual import ResidualDecoder, ResidualEncoder
from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.models.discriminators.projected import ProjectedDiscriminator
from latent_inpaint.models.ffc import FFC, FFCResidualBlock, FourierUnit, SpectralTransform
from latent_inpaint.models.guides.alpha import AlphaEncoder, MaskAsAlpha
from latent_inpaint.models.guides.base import Guide, Unguided
from latent_inpaint.models.guides.mask_control import MaskControl, ZeroConv
from latent_inpaint.models.inpainter import Inpainter, LatentInpainter, LatentModel, composite
from latent_inpaint.models.output import InpaintingOutput
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Condition, FunctionRefiner, Refined, Refiner
from latent_inpaint.models.refiners.ffc import FFCRefiner
from latent_inpaint.models.storage import load_model, save_model

__all__ = [
    "FFC",
    "AlphaEncoder",
    "Autoencoder",
    "BlockDecoder",
    "BlockEncoder",
    "Condition",
    "Decoder",
    "Encoder",
    "FFCRefiner",
    "FFCResidualBlock",
    "FourierUnit",
    "FunctionRefiner",
    "Guide",
    "Inpainter",
    "InpaintingOutput",
    "KLDecoder",
    "KLEncoder",
    "LatentInpainter",
    "LatentModel",
    "MaskAsAlpha",
    "MaskControl",
    "PatchDiscriminator",
    "ProjectedDiscriminator",
    "Refined",
    "Refiner",
    "ResidualDecoder",
    "ResidualEncoder",
    "SpectralTransform",
    "TinyDecoder",
    "TinyEncoder",
    "Unguided",
    "VQDecoder",
    "VQEncoder",
    "ZeroConv",
    "composite",
    "load_model",
    "part",
    "save_model",
]
