"""A judge that no method was trained on: a small network learns to tell fills from true pictures.

Its accuracy on pictures that it has not seen says how easily fills are told: ½ is perfect, 1 is always seen
through. A classifier two-sample test (Lopez-Paz and Oquab, 2017) on crops around the hole, against the very
same crops of the truth.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.methods import Method
from latent_inpaint.evaluation.runner import predict
from latent_inpaint.models.seeds import generator_for

log = logging.getLogger(__name__)

CROP, CROPS, BATCH, WIDTHS = 64, 8, 32, (32, 64, 96, 128)
RATE, DECAY, SMOOTHING = 1e-3, 0.05, 0.05
REPLICATES = 1000


@dataclass
class _Crops:
    """Of one method: pictures' names, and fills and truths at the same places, uint8 `[n, 3, c, c]`."""

    names: list[str] = field(default_factory=list)
    fake: list[Tensor] = field(default_factory=list)
    real: list[Tensor] = field(default_factory=list)


def judge(
    methods: Sequence[Method], loader: Iterable[Batch], steps: int, seed: int = 0
) -> dict[str, tuple[float, list[float]]]:
    """Accuracy of the judge of each method on held-out pictures, and its 95 % interval over these.

    A judge is trained for each method, on the half of the pictures that the hash of their names puts there.

    Args:
        methods: they are run again on all pictures.
        loader: gives the pictures and masks.
        steps: of a judge's training, at least 1; 400 take some 15 seconds of one core.
        seed: of methods that draw, of the places of the crops, and of the judges.

    Raises:
        ValueError: steps below 1, or a half without a picture.
    """
    if steps < 1:
        raise ValueError(f"judge must be at least 1 step, got {steps}")
    crops: dict[str, _Crops] = {method.name: _Crops() for method in methods}
    for batch in loader:
        places = [_places(mask, seed, name) for mask, name in zip(batch.mask, batch.name)]
        for method in methods:
            composites, _ = predict(method, batch, seed)
            _collect(crops[method.name], composites, batch, places)
    found = {}
    for name, of_method in crops.items():
        found[name] = _accuracy(of_method, steps, seed)
        log.info("judge: %s is told from the truth in %.1f %% of new crops", name, 100 * found[name][0])
    return found


def _places(mask: Tensor, seed: int, name: str) -> list[tuple[int, int]]:
    """Upper left corners of crops around hole pixels that are drawn, within the picture."""
    height, width = mask.shape[-2:]
    rows, columns = torch.nonzero(mask[0] > 0.5, as_tuple=True)
    chosen = torch.randint(len(rows), (CROPS,), generator=generator_for("judge", seed, name))
    centres = zip(rows[chosen].tolist(), columns[chosen].tolist())
    last = max(0, height - CROP), max(0, width - CROP)
    return [(min(max(0, y - CROP // 2), last[0]), min(max(0, x - CROP // 2), last[1])) for y, x in centres]


def _collect(
    crops: _Crops,
    composites: Mapping[str, Tensor],
    batch: Batch,
    places: Sequence[Sequence[tuple[int, int]]],
) -> None:
    for truth, name, corners in zip(batch.truth, batch.name, places):
        if name in composites:
            for y, x in corners:
                cut = (slice(None), slice(y, y + CROP), slice(x, x + CROP))
                crops.names.append(name)
                crops.fake.append(_bytes(composites[name][cut]))
                crops.real.append(_bytes(truth[cut]))


def _bytes(picture: Tensor) -> Tensor:
    return (255 * picture.clamp(0, 1)).round().byte()


def _accuracy(crops: _Crops, steps: int, seed: int) -> tuple[float, list[float]]:
    learns = np.array([hashlib.sha256(name.split("#")[0].encode()).digest()[0] % 2 for name in crops.names])
    train, test = np.flatnonzero(learns == 0), np.flatnonzero(learns == 1)
    if not len(train) or not len(test):
        raise ValueError("judge: both halves need pictures, there are too few")
    fake, real = torch.stack(crops.fake), torch.stack(crops.real)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        network = _trained(fake[train], real[train], steps)
    right = []
    with torch.inference_mode():
        for part in np.array_split(test, len(test) // 64 + 1):
            seen_through, believed = network(_seen(fake[part])) > 0, network(_seen(real[part])) < 0
            right.append((seen_through.float() + believed.float()) / 2)
    values = torch.cat(right).numpy()
    names = np.array(crops.names)[test]
    by_picture = np.array([values[names == name].mean() for name in sorted(set(names.tolist()))])
    rng = np.random.default_rng(seed)
    means = by_picture[rng.integers(0, len(by_picture), (REPLICATES, len(by_picture)))].mean(axis=1)
    return float(by_picture.mean()), [float(x) for x in np.quantile(means, (0.025, 0.975))]


def _trained(fake: Tensor, real: Tensor, steps: int) -> nn.Module:
    """Fills are 1; both of a pair in one batch, flipped alike."""
    network = _network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1)
    targets = torch.cat([torch.full((BATCH,), 1 - SMOOTHING), torch.full((BATCH,), SMOOTHING)])
    for _ in range(steps):
        chosen = torch.randint(len(fake), (BATCH,))
        pairs = torch.stack([fake[chosen], real[chosen]])
        flipped = torch.where(torch.rand(BATCH)[:, None, None, None] < 0.5, pairs, pairs.flip(-1))
        loss = functional.binary_cross_entropy_with_logits(network(_seen(flipped.flatten(0, 1))), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def _network() -> nn.Module:
    """Five 3×3 convolutions, four of them halving, and the mean of their last features."""
    layers: list[nn.Module] = []
    for before, after in zip((3, *WIDTHS[:-1]), WIDTHS):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
    layers += [nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 3, padding=1), nn.SiLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], 1), nn.Flatten(0)]
    return nn.Sequential(*layers)


def _seen(crops: Tensor) -> Tensor:
    return crops.float() / 127.5 - 1
