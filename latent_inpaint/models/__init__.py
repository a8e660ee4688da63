"""Networks: no losses, no Lightning."""

from latent_inpaint.models.autoencoders.diffusers import (
    KLDecoder,
    KLEncoder,
    TinyDecoder,
    TinyEncoder,
    VQDecoder,
    VQEncoder,
)
from latent_inpaint.models.autoencoders.ffc import Autoencoder, Decoder, Encoder
from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.models.discriminators.projected import ProjectedDiscriminator
from latent_inpaint.models.ffc import FFC, FFCResidualBlock, FourierUnit, SpectralTransform
from latent_inpaint.models.guides.mask_control import MaskEncoder, ZeroConv
from latent_inpaint.models.inpainter import LatentInpainter, composite
from latent_inpaint.models.output import InpaintingOutput
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.ffc import FFCRefiner
from latent_inpaint.models.storage import load_model, save_model

__all__ = [
    "FFC",
    "Autoencoder",
    "Decoder",
    "Encoder",
    "FFCRefiner",
    "FFCResidualBlock",
    "FourierUnit",
    "InpaintingOutput",
    "KLDecoder",
    "KLEncoder",
    "LatentInpainter",
    "MaskEncoder",
    "PatchDiscriminator",
    "ProjectedDiscriminator",
    "SpectralTransform",
    "TinyDecoder",
    "TinyEncoder",
    "VQDecoder",
    "VQEncoder",
    "ZeroConv",
    "composite",
    "load_model",
    "part",
    "save_model",
]
