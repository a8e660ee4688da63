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
from latent_inpaint.models.copying import CopyingInpainter
from latent_inpaint.models.denoisers import (
    Denoiser,
    DiffusersUNet,
    DiTDenoiser,
    FFCDenoiser,
    MMDiTDenoiser,
    UNetDenoiser,
)
from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.models.discriminators.projected import ProjectedDiscriminator
from latent_inpaint.models.discriminators.stylegan import StyleDiscriminator
from latent_inpaint.models.ffc import FFC, FFCResidualBlock, FourierUnit, SpectralTransform
from latent_inpaint.models.generators.context_encoder import ContextEncoder
from latent_inpaint.models.generators.fcf import FcFGenerator
from latent_inpaint.models.guides.alpha import AlphaEncoder, MaskAsAlpha
from latent_inpaint.models.guides.base import Guide, Unguided
from latent_inpaint.models.guides.controlnet import ControlNetDenoiser
from latent_inpaint.models.guides.mask_control import MaskControl, ZeroConv
from latent_inpaint.models.inpainter import Inpainter, LatentInpainter, LatentModel, composite
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Condition, FunctionRefiner, Refined, Refiner
from latent_inpaint.models.refiners.diffusion import DiffusionRefiner
from latent_inpaint.models.refiners.ffc import FFCRefiner
from latent_inpaint.models.refiners.flow import FlowRefiner
from latent_inpaint.models.refiners.modulated import ModulatedFFCRefiner
from latent_inpaint.models.refiners.recurrent import RecurrentFFCRefiner
from latent_inpaint.models.storage import load_model, save_model

__all__ = [
    "FFC",
    "AlphaEncoder",
    "Autoencoder",
    "BlockDecoder",
    "BlockEncoder",
    "Condition",
    "ContextEncoder",
    "ControlNetDenoiser",
    "CopyingInpainter",
    "Decoder",
    "Denoiser",
    "DiTDenoiser",
    "DiffusersUNet",
    "DiffusionRefiner",
    "Encoder",
    "FFCDenoiser",
    "FFCRefiner",
    "FFCResidualBlock",
    "FcFGenerator",
    "FlowRefiner",
    "FourierUnit",
    "FunctionRefiner",
    "Guide",
    "Inpainter",
    "KLDecoder",
    "KLEncoder",
    "LatentInpainter",
    "LatentModel",
    "MMDiTDenoiser",
    "MaskAsAlpha",
    "MaskControl",
    "ModulatedFFCRefiner",
    "PatchDiscriminator",
    "ProjectedDiscriminator",
    "RecurrentFFCRefiner",
    "Refined",
    "Refiner",
    "ResidualDecoder",
    "ResidualEncoder",
    "SpectralTransform",
    "StyleDiscriminator",
    "TinyDecoder",
    "TinyEncoder",
    "UNetDenoiser",
    "Unguided",
    "VQDecoder",
    "VQEncoder",
    "ZeroConv",
    "composite",
    "load_model",
    "part",
    "save_model",
]
