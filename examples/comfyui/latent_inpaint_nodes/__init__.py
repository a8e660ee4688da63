"""Nodes for ComfyUI: load a network, fill, and crop and stitch around the hole.

Copy this folder into ComfyUI's `custom_nodes` and install latent_inpaint into ComfyUI's Python. IMAGE is
float `[B, H, W, C]` in [0, 1], MASK float `[B, H, W]`, 1 is the hole: ComfyUI's own conventions.
"""

import numpy as np
import torch

import latent_inpaint
from latent_inpaint.inference.canvas import Box
from latent_inpaint.inference.regions import find_regions, whole_picture

CATEGORY = "latent_inpaint"


class Load:
    """A network by name, path or hf:// address; empty is the one in the package."""

    CATEGORY, FUNCTION, RETURN_TYPES = CATEGORY, "load", ("LATENT_INPAINT",)

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "source": ("STRING", {"default": ""}),
                "device": (["auto", "cpu", "cuda", "mps"],),
            }
        }

    def load(self, source, device):
        return (latent_inpaint.load(source.strip() or None, device),)


class Inpaint:
    """The hole filled; what is known stays bit for bit."""

    CATEGORY, FUNCTION, RETURN_TYPES = CATEGORY, "inpaint", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        whole = {"default": 0, "min": 0, "max": 2**53}
        return {
            "required": {
                "model": ("LATENT_INPAINT",),
                "image": ("IMAGE",),
                "mask": ("MASK",),
                "dilate": ("INT", {"default": 0, "min": 0, "max": 200}),
                "seed": ("INT", whole),
            }
        }

    def inpaint(self, model, image, mask, dilate, seed):
        filled = []
        for number, picture in enumerate(image):
            hole = _hole(mask, number)
            pixels = picture.permute(2, 0, 1).clamp(0, 1)
            filled.append(model.inpaint(pixels, hole, dilate=dilate, seed=seed + number).permute(1, 2, 0))
        return (torch.stack(filled),)


class Crop:
    """The part of the first picture that a network needs to see to fill its hole, and where it was."""

    CATEGORY, FUNCTION = CATEGORY, "crop"
    RETURN_TYPES, RETURN_NAMES = ("IMAGE", "MASK", "STITCH"), ("image", "mask", "stitch")

    @classmethod
    def INPUT_TYPES(cls):
        context = {
            "default": -1,
            "min": -1,
            "max": 4096,
            "tooltip": "known pixels around it; -1 is automatic",
        }
        return {"required": {"image": ("IMAGE",), "mask": ("MASK",), "context": ("INT", context)}}

    def crop(self, image, mask, context):
        hole = _hole(mask, 0)
        regions = find_regions(hole, None if context < 0 else context, 8) if hole.any() else []
        boxes = [region.box for region in regions or [whole_picture(hole)]]
        top, left = min(box.top for box in boxes), min(box.left for box in boxes)
        box = Box(top, left, max(box.bottom for box in boxes), max(box.right for box in boxes))
        part = torch.from_numpy(hole[box.slices].astype(np.float32))
        return image[:1, box.top : box.bottom, box.left : box.right], part[None], (image[:1], hole, box)


class Stitch:
    """A crop put back, into the hole alone."""

    CATEGORY, FUNCTION, RETURN_TYPES = CATEGORY, "stitch", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "stitch": ("STITCH",)}}

    def stitch(self, image, stitch):
        whole, hole, box = stitch
        result = whole.repeat(len(image), 1, 1, 1)
        part = result[:, box.top : box.bottom, box.left : box.right]
        if image.shape[1:3] != part.shape[1:3]:
            raise ValueError(
                f"image must have the crop's size, {list(part.shape[1:3])}, got {list(image.shape)}"
            )
        where = torch.from_numpy(hole[box.slices])
        part[:, where] = image[:, where].to(part)
        return (result,)


def _hole(mask, number):
    """The mask of a picture, bool `[H, W]`; one mask serves a whole batch."""
    masks = mask[None] if mask.ndim == 2 else mask
    return (masks[min(number, len(masks) - 1)] > 0.5).cpu().numpy()


NODE_CLASS_MAPPINGS = {f"LatentInpaint{node.__name__}": node for node in (Load, Inpaint, Crop, Stitch)}
NODE_DISPLAY_NAME_MAPPINGS = {name: f"Latent Inpaint: {name[13:]}" for name in NODE_CLASS_MAPPINGS}
