"""The networks behind the metrics: those whose weights are there, and a line for each that is not."""

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from latent_inpaint.metrics.frechet_features import (
    LITE0_BLOCK,
    LITE0_SIZE,
    InceptionFrechetFeatures,
    Lite0FrechetFeatures,
)
from latent_inpaint.models.backbones import InceptionFeatures, inception, lite0, lpips
from latent_inpaint.models.backbones.weights import WeightsFile

logger = logging.getLogger(__name__)


class MetricNetworks:
    """Frozen networks on one device. Arguments: see `MetricSuite`.

    Attributes:
        perceptual: features of PD-lite0.
        frechet: by backbone ("lite0", "inception", "inception_clean"), a network from images to
            features `[B, D]`.
        lpips: features of LPIPS, or None if its weights are missing or not wanted.
        missing: one line per missing file of weights.
    """

    def __init__(
        self,
        backbone: str,
        inception_weights: str | Path | None,
        lpips_net: str,
        lpips_weights: str | Path | None,
        inception_sha256: str | None,
        lpips_sha256: str | None,
        device: str,
    ) -> None:
        _check_choice("backbone", backbone, ("auto", "standard", "lite0"))
        _check_choice("lpips_net", lpips_net, tuple(lpips.WEIGHTS))
        self.backbone, self.lpips_net, self.device = backbone, lpips_net, torch.device(device)
        self.missing: list[str] = []
        self._left_out: list[WeightsFile] = []
        self.perceptual = lite0.Lite0Features().folded().to(self.device)
        self.frechet: dict[str, Lite0FrechetFeatures | InceptionFrechetFeatures] = {
            "lite0": Lite0FrechetFeatures().to(self.device)
        }
        self.lpips: lpips.LPIPSFeatures | None = None
        if path := self._find(inception.WEIGHTS, inception_weights):
            network = InceptionFeatures(path, inception_sha256).to(self.device)
            self.frechet["inception"] = InceptionFrechetFeatures(network)
            self.frechet["inception_clean"] = InceptionFrechetFeatures(network, clean=True)
        if path := self._find(lpips.WEIGHTS[lpips_net], lpips_weights):
            self.lpips = lpips.LPIPSFeatures(lpips_net, path, lpips_sha256).to(self.device)
        if self._left_out:
            metrics = ", ".join(weights.needed_by for weights in self._left_out)
            names = " ".join(weights.name for weights in self._left_out)
            logger.info("not measured: %s (`latent-inpaint download %s` brings weights)", metrics, names)

    def weights_sha256(self, backbone: str) -> str:
        """Return the checksum of a Fréchet backbone's weights."""
        return str(self.frechet[backbone].backbone.weights_sha256)

    def card(self) -> dict[str, Any]:
        """Return which networks measured, with their weights' checksums; None for those that did not."""
        fid = "inception" in self.frechet
        return {
            "backbone": self.backbone,
            "pd_lite0": {
                "network": "EfficientNet-Lite0",
                "blocks": list(lite0.PERCEPTUAL_BLOCKS),
                "weights_sha256": self.perceptual.weights_sha256,
            },
            "fd_lite0": {
                "network": "EfficientNet-Lite0",
                "block": LITE0_BLOCK,
                "input_size": LITE0_SIZE,
                "weights_sha256": self.weights_sha256("lite0"),
            },
            "fid": {
                "network": "Inception-v3",
                "features": 2048,
                "weights_sha256": self.weights_sha256("inception"),
            }
            if fid
            else None,
            "lpips": {
                "network": self.lpips_net,
                "version": "0.1",
                "weights_sha256": self.lpips.weights_sha256,
            }
            if self.lpips
            else None,
        }

    def _find(self, weights: WeightsFile, path: str | Path | None) -> Path | None:
        if self.backbone == "lite0":
            return None
        found = weights.find(path)
        if found is None and self.backbone == "standard" and path is None:
            with contextlib.suppress(FileNotFoundError):
                found = weights.require(None)
        if found is None:
            self.missing.append(f"{weights.needed_by} is null: {weights.missing_line(path)}")
            if self.backbone == "auto" and path is None:
                self._left_out.append(weights)
            else:
                logger.log(
                    logging.ERROR if self.backbone == "standard" else logging.WARNING, self.missing[-1]
                )
        return found


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"metrics.{name}: expected one of {', '.join(choices)}, got {value!r}")
