"""Frozen pretrained networks, pictures to feature maps; their packages are imported when one is built."""

from latent_inpaint.models.backbones.ade20k import ADE20KResNet50
from latent_inpaint.models.backbones.base import FeatureNetwork, Frozen
from latent_inpaint.models.backbones.inception import InceptionFeatures
from latent_inpaint.models.backbones.latent_lite0 import LatentLite0
from latent_inpaint.models.backbones.lite0 import Lite0Features
from latent_inpaint.models.backbones.lpips import LPIPSFeatures
from latent_inpaint.models.backbones.vgg19 import VGG19

__all__ = [
    "VGG19",
    "ADE20KResNet50",
    "FeatureNetwork",
    "Frozen",
    "InceptionFeatures",
    "LPIPSFeatures",
    "LatentLite0",
    "Lite0Features",
]
