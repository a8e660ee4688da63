"""Inpainting pipelines of diffusers (Stable Diffusion, FLUX Fill …) as inpainters that draw."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.extras import how_to_install
from latent_inpaint.models.geometry import check_shapes, pad_to_multiple

PREFIX = "diffusers:"
PICTURE_AND_MASK = frozenset({"image", "mask_image"})


class DiffusersInpainter(nn.Module):
    """A pipeline of diffusers that takes `image` and `mask_image`, called on pictures of any size.

    Sides are extended to multiples of eight latent positions by mirroring; the pipeline is asked for that
    size. The hole is filled from noise alone (strength 1). What a pipeline has no argument for is left out.
    Known pixels are pasted back by whoever calls.

    Args:
        pipeline: the pipeline.
        prompt: what the hole should show.
        steps: of its scheduler.
        guidance: scale of classifier-free guidance.

    Raises:
        ValueError: a pipeline without a VAE, one that takes no picture with a mask, or fewer than one step.
    """

    multiple = True

    def __init__(self, pipeline: Any, prompt: str = "", steps: int = 20, guidance: float = 7.5) -> None:
        super().__init__()
        if getattr(pipeline, "vae", None) is None:
            raise ValueError(
                f"pipeline: {type(pipeline).__name__} has no VAE; an inpainting pipeline needs one"
            )
        self.arguments = frozenset(inspect.signature(type(pipeline).__call__).parameters)
        if not self.arguments >= PICTURE_AND_MASK:
            raise ValueError(f"pipeline: {type(pipeline).__name__} takes no image and mask_image")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        pipeline.set_progress_bar_config(disable=True)
        self._held = (pipeline,)
        modules = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
        self.parts = nn.ModuleDict(modules)
        self.prompt, self.steps, self.guidance = prompt, steps, guidance

    @property
    def pipeline(self) -> Any:
        """The pipeline, whose networks are this module's `parts`."""
        return self._held[0]

    def forward(
        self, image: Tensor, mask: Tensor, generator: torch.Generator | list[torch.Generator] | None = None
    ) -> Tensor:
        """Predictions `[B, 3, H, W]` in [0, 1].

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: source of the noise, on the CPU; or a list, one a picture.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shapes(image, mask)
        multiple = 8 * int(getattr(self.pipeline, "vae_scale_factor", 8))
        padded = pad_to_multiple(torch.cat([image * (1 - mask), mask], dim=1), multiple)
        settings = {
            "prompt": [self.prompt] * len(image),
            "image": padded[:, :3],
            "mask_image": padded[:, 3:],
            "height": padded.shape[-2],
            "width": padded.shape[-1],
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            "strength": 1.0,
            "generator": generator,
            "output_type": "pt",
        }
        result = self.pipeline(**{k: v for k, v in settings.items() if k in self.arguments}).images
        prediction = result[..., : image.shape[-2], : image.shape[-1]]
        return prediction.to(image.device, image.dtype).clamp(0, 1)


def load_diffusers(path: str | Path, **settings: Any) -> DiffusersInpainter:
    """An inpainting pipeline from a folder that diffusers saved, or by its name on the hub; safetensors only.

    Args:
        path: the folder or name, with or without `diffusers:`.
        settings: `prompt`, `steps`, `guidance` of `DiffusersInpainter`.

    Raises:
        ImportError: diffusers or transformers is missing (extra `diffusers`).
        FileNotFoundError: there is no such folder, and the hub gives nothing of that name.
        ValueError: what is there is no inpainting pipeline.
    """
    source = str(path).removeprefix(PREFIX)
    try:
        import diffusers
        import transformers  # noqa: F401  # without it diffusers' pipelines are empty shells
    except ImportError as error:
        raise ImportError(
            f"{PREFIX} needs diffusers and transformers: {how_to_install('diffusers')}"
        ) from error
    local = Path(source).expanduser()
    looks_local = source.startswith((".", "/", "~")) or source.count("/") != 1
    if looks_local and not (local / "model_index.json").is_file():
        raise FileNotFoundError(f"{PREFIX}{source}: no pipeline of diffusers, model_index.json is missing")
    try:
        place = str(local) if local.is_dir() else source
        named = diffusers.DiffusionPipeline.load_config(place).get("_class_name")
        kind = getattr(diffusers, str(named), None)
        if kind is None or not inspect.signature(kind.__call__).parameters.keys() >= PICTURE_AND_MASK:
            kind = diffusers.AutoPipelineForInpainting  # the inpainting sibling of a pipeline from text
        pipeline = kind.from_pretrained(place, torch_dtype=torch.float32, use_safetensors=True)
    except OSError as error:
        raise FileNotFoundError(f"{PREFIX}{source}: {' '.join(str(error).split())}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{PREFIX}{source}: no inpainting pipeline: {' '.join(str(error).split())}"
        ) from error
    return DiffusersInpainter(pipeline, **settings).eval()
