"""E-LatentLPIPS on latents of Stable Diffusion's autoencoders (Kang et al., 2024, arXiv 2405.05967).

The authors' package and weights are CC BY-NC 4.0: neither comes with this one. For our own latents there is
`latent_inpaint.losses.latent_network`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.noise_gate import noise_gate
from latent_inpaint.models.backbones import Frozen
from latent_inpaint.models.backbones.weights import read_weights
from latent_inpaint.spaces import Outputs

CHANNELS = {"sd15": 4, "sd21": 4, "sdxl": 4, "sd3": 16, "flux": 16}
WHERE = "https://huggingface.co/Mingguksky/elatentlpips, folder elatentlpips_ckpt: {}_latest_vgg16_tuned.pth"


class ELatentLPIPS(LossTerm):
    """LPIPS of latents after one random differentiable transform of both, alike.

    Args:
        weights_path: the authors' file for this encoder.
        encoder: whose latents: sd15, sd21, sdxl, sd3 or flux, scaled, as `autoencoder=diffusers` gives them.
        weight: factor of the term in the objective.
        augment: the transforms: b flips, turns and shifts, g scales and turns, c colours, o cuts out.
        threshold: see `noise_gate`.

    Raises:
        ImportError: the package elatentlpips is missing.
        FileNotFoundError: there is no such file.
        ValueError: an unknown encoder, weights of another, or latents of other channels.
    """

    def __init__(
        self,
        weights_path: str | Path,
        encoder: str = "sd15",
        weight: float = 1.0,
        augment: str = "bg",
        threshold: float | None = None,
    ) -> None:
        super().__init__(weight)
        if encoder not in CHANNELS:
            raise ValueError(f"encoder must be one of {', '.join(CHANNELS)}, got {encoder!r}")
        self.encoder, self.threshold = encoder, threshold
        self.network = Frozen(_Pairs(_network(Path(weights_path), encoder, augment)))

    def forward(self, outputs: Outputs) -> Tensor:
        """The distance of the repaired latent to the true one; no gradient goes to the latter."""
        latent, target = outputs.latent, outputs.target_latent
        if latent.shape[1] != CHANNELS[self.encoder]:
            raise ValueError(f"latent must have the {CHANNELS[self.encoder]} channels of {self.encoder}")
        gate = noise_gate(outputs.refined, self.threshold)
        with torch.random.fork_rng():  # the package draws its transforms from the global numbers
            if outputs.generator is not None:
                torch.manual_seed(int(torch.randint(2**62, (), generator=outputs.generator)))
            values: Any = self.network(torch.cat([latent, target]))
        self.noted = {} if gate is None else {"gated": gate.mean()}
        return values.mean() if gate is None else (gate * values).mean()


class _Pairs(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: Tensor) -> Tensor:
        """First half against second half, `[2 B, C, h, w]` → `[B]`."""
        seen, expected = latents.chunk(2)
        return self.network(seen, expected, normalize=False, ensembling=True, add_l1_loss=False).flatten()


def _network(path: Path, encoder: str, augment: str) -> nn.Module:
    """The authors' network with the file's weights; the package itself would fetch them while it is built."""
    try:
        from elatentlpips import ELatentLPIPS as Package
        from elatentlpips.vgg16 import LatentVGG16BN
    except ImportError as error:
        needed = "ELatentLPIPS needs a package under CC BY-NC 4.0: pip install elatentlpips 'setuptools<81'"
        raise ImportError(f"{needed} ({error})") from error
    if not path.is_file():
        raise FileNotFoundError(f"weights_path: {path} is not there; it is at {WHERE.format(encoder)}")
    network = Package(pretrained=False, pnet_rand=True, encoder=encoder, augment=augment, verbose=False)
    features = LatentVGG16BN(CHANNELS[encoder], requires_grad=True).model.features
    for part in network.net.children():  # without its own weights the package takes VGG for pictures
        for index in part._modules:
            part._modules[index] = features[int(index)]
    state, _ = read_weights(path, None, "weights_path")
    own = {name: w.shape for name, w in network.state_dict().items() if not name.startswith("augment.")}
    if own != {name: getattr(w, "shape", None) for name, w in state.items()}:
        raise ValueError(f"weights_path: {path} is not E-LatentLPIPS for {encoder}")
    network.load_state_dict(state, strict=False)
    return network
