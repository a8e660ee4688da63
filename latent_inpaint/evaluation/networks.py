"""Networks as methods: ours and imported ones, from the memory or from a checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.evaluation.card import source_sha256
from latent_inpaint.evaluation.methods import BlindMethod
from latent_inpaint.inference.loading import FAST, QUALITY, weights_at
from latent_inpaint.models.copying import CopyingInpainter
from latent_inpaint.models.diffusers_inpainter import load_diffusers
from latent_inpaint.models.geometry import pad_to_multiple
from latent_inpaint.models.inpainter import draws
from latent_inpaint.models.refiners.generative import GenerativeRefiner
from latent_inpaint.models.refiners.sampling import Sampler


class Network(BlindMethod):
    """A network as a method: in eval mode, without gradients, its prediction clamped to [0, 1].

    Args:
        model: module called as `model(image, mask) -> prediction`: an `Inpainter`.
        name: how the method is called in tables.
        origin: what the card says about the weights, JSON values.
    """

    def __init__(self, model: nn.Module, name: str = "network", origin: dict[str, Any] | None = None) -> None:
        super().__init__(name)
        self.model = model
        self.multiple = draws(model)
        self.origin = dict(origin or {})

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """The network's prediction, computed on its own device, brought back to the picture's."""
        return self._predict(masked_image, mask)

    def draw(self, masked_image: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """As `fill`, with all that is random from `generator`."""
        return self._predict(masked_image, mask, generator)

    @torch.inference_mode()
    def _predict(self, masked_image: Tensor, mask: Tensor, *generator: torch.Generator) -> Tensor:
        device = next((parameter.device for parameter in self.model.parameters()), masked_image.device)
        with evaluating(self.model):
            prediction = self.model(masked_image.to(device), mask.to(device), *generator)
        return prediction.float().clamp(0, 1).to(masked_image.device)

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """The network's features of whole pictures, `[B, 3, H, W]` in [0, 1] → `[B, C, h, w]`.

        Raises:
            TypeError: the network has no `encode`.
        """
        encode = getattr(self.model, "encode", None)
        if encode is None:
            raise TypeError(f"{type(self.model).__name__} has no encode(image); guides by features need one")
        device = next((parameter.device for parameter in self.model.parameters()), image.device)
        factor = getattr(self.model, "down_factor", 1)
        return encode(pad_to_multiple(image.to(device), factor)).to(image.device)

    def card(self) -> dict[str, Any]:
        """Where the weights come from, their number, and how often a sampler calls its denoiser."""
        facts = {**self.origin, "parameters": sum(p.numel() for p in self.model.parameters())}
        refiner = getattr(self.model, "refiner", None)
        if isinstance(refiner, GenerativeRefiner):
            facts["calls"] = refiner.calls()
        return facts


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode within; every module's own mode again afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def load_network(checkpoint: str | Path | None, name: str | None = None, device: str = "auto") -> Network:
    """A network from whatever `latent_inpaint.load` reads, its weights' checksum on the card.

    Args:
        checkpoint: a run's folder, a checkpoint file, a model folder, or a LaMa folder; None is
            `quality`, the network that comes with the package and copies.
        name: how it is called in tables; None takes a name from the path.
        device: `auto`, `cpu`, `cuda` …

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: not one checkpoint, or what is there is no inpainting network, or is damaged.
    """
    from latent_inpaint.inference.pipeline import load

    if not isinstance(checkpoint, (str, Path, type(None))):
        raise ValueError(
            f"checkpoint: a method takes one path, got {checkpoint}; "
            "set methods.NAME.checkpoint where several checkpoints are compared"
        )

    model = load(checkpoint, device=device, precision="float32").model
    checkpoint = str(checkpoint or QUALITY)
    origin = {"checkpoint": checkpoint}
    if (source := weights_at(checkpoint)) is not None:
        origin["checkpoint_sha256"] = source_sha256(str(source))
    return Network(model, name or name_of(checkpoint), origin)


def load_sampled(checkpoint: str | None, sampler: Sampler, steps: int, device: str = "auto") -> Network:
    """A network that draws, sampled in another way than it was made for.

    Args:
        checkpoint: see `load_network`.
        sampler: such as `RePaint`, `Override`, `Heun`.
        steps: of the sampler, at least 1.
        device: `auto`, `cpu`, `cuda` …

    Raises:
        ValueError: the network's refiner does not sample, or steps is below 1.
    """
    network = load_network(checkpoint, device=device)
    refiner = getattr(network.model, "refiner", None)
    if not isinstance(refiner, GenerativeRefiner):
        raise ValueError(f"checkpoint: expected a flow or diffusion, {network.name} is a function")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    refiner.sampler, refiner.steps = sampler, steps
    network.origin |= {"sampler": repr(sampler), "steps": steps}
    return network


def load_copying(
    checkpoint: str | None,
    depth: int = 48,
    colour: float = 0.25,
    texture: float = 2.0,
    seed: int = 0,
    device: str = "auto",
) -> Network:
    """A network that only lays out the hole: its texture is copied from the known region.

    Args:
        checkpoint: see `load_network`.
        depth: see `CopyingInpainter`, also for what follows.
        colour: weight of the network's colours.
        texture: weight of the strength of texture around.
        seed: of the random search.
        device: `auto`, `cpu`, `cuda` …

    Raises:
        ValueError: the network copies already.
    """
    network = load_network(checkpoint or FAST, device=device)
    if isinstance(network.model, CopyingInpainter):
        raise ValueError(
            f"checkpoint: expected a network alone, such as {FAST}; {network.name} copies already"
        )
    copying = CopyingInpainter(network.model, depth, colour, texture, seed).eval()
    settings = {"depth": depth, "colour": colour, "texture": texture, "seed": seed}
    return Network(copying, f"{network.name}, copying", {**network.origin, "copying": settings})


def load_diffusers_method(
    path: str | None,
    prompt: str = "",
    steps: int = 20,
    guidance: float = 7.5,
    device: str = "auto",
) -> Network:
    """An inpainting pipeline of diffusers as a method; a picture's fill depends on the seed and its name.

    Args:
        path: a folder that diffusers saved, or a name on the hub.
        prompt: what the holes should show.
        steps: of the pipeline's scheduler.
        guidance: scale of classifier-free guidance.
        device: `auto`, `cpu`, `cuda` …

    Raises:
        ImportError: diffusers or transformers is missing.
        FileNotFoundError: there is no such pipeline.
        ValueError: no path, or no inpainting pipeline.
    """
    from latent_inpaint.inference.device import pick_device

    if path is None:
        raise ValueError("methods=diffusers_inpaint: give path=DIR, what diffusers saved, or a name")
    model = load_diffusers(path, prompt=prompt, steps=steps, guidance=guidance).to(pick_device(device))
    origin = {"pipeline": path, "prompt": prompt, "steps": steps, "guidance": guidance, "calls": steps}
    return Network(model, name_of(path), origin)


def name_of(checkpoint: str) -> str:
    """A short name for a checkpoint: the experiment of a run's folder, else the last part of the path.

    `outputs/latent_control/2026-01-01_12-00-00/checkpoints/last.ckpt` is `latent_control`.
    """
    path = Path(checkpoint).resolve()
    for folder in (path, *path.parents[:2]):
        if (folder / "config.yaml").is_file() and (folder / "model").is_dir() | (
            folder / "checkpoints"
        ).is_dir():
            return folder.parent.name
    return path.stem
