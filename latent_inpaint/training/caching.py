"""Latents of the training samples, computed by the frozen encoder once and shared by runs through a cache."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.data.datasets import collate
from latent_inpaint.data.latent_cache import ABOUT, CachedLatents, LatentFiles
from latent_inpaint.data.loaders import process
from latent_inpaint.files import fingerprint
from latent_inpaint.models.denoisers.base import trains
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.distributed import gathered, held_by_first, share

log = logging.getLogger(__name__)

BATCH = 32


def cache_latents(module: TrainingModule, datamodule: Any, cache: Path, device: str = "cpu") -> None:
    """Let the data module give samples with their latents; they are computed first where the cache has none.

    True latents are cached, and those of the masked pictures where nothing that trains makes them.

    Args:
        module: of the stage to come.
        datamodule: the data; `cache_latents` says how many epochs of samples there are, null: no cache.
        cache: folder of the caches.
        device: where they are computed.

    Raises:
        ValueError: the encoder trains, or the samples are no fixed ones.
    """
    n_epochs = getattr(datamodule, "cache_latents", None)
    if n_epochs is None:
        return
    model: Any = module.model
    if not hasattr(model, "encoder") or trains(model.encoder):
        raise ValueError("data.cache_latents: the encoder trains, its latents change; leave it out")
    masked = not trains(model.guide)
    facts = {
        "samples": datamodule.samples_fingerprint(),
        "epochs": n_epochs,
        "encoder": _digest(model.encoder),
        "guide": _digest(model.guide) if masked else None,
    }
    folder = cache / fingerprint(facts)[:16]
    names = datamodule.splits.train.names
    from filelock import FileLock

    cache.mkdir(parents=True, exist_ok=True)
    with held_by_first(FileLock(f"{folder}.lock"), lambda: log.info("latents: another job computes them")):
        if not share((folder / ABOUT).is_file):
            _compute(model, datamodule, LatentFiles(folder, names), masked, device)
    datamodule.cached = CachedLatents(folder, names)
    log.info("latents: %d epochs of samples are in %s", n_epochs, folder)


@torch.no_grad()
def _compute(model: Any, datamodule: Any, files: LatentFiles, masked: bool, device: str) -> None:
    """Each process writes its part of the rows."""
    dataset, n_epochs = datamodule.train_dataset(), datamodule.cache_latents
    n_pictures = len(datamodule.splits.train)
    rank, world_size = process()

    def latents(image: Tensor, mask: Tensor) -> dict[str, Tensor]:
        image, mask = image.to(device), mask.to(device)
        found = {"target": model.encode(image)}
        return found | {"masked": model.encode_masked(image, mask)} if masked else found

    was_training, home = model.training, next(model.parameters()).device
    model.eval().to(device)
    first = dataset[0, 0]
    example = latents(first.image[None], first.mask[None])
    share(lambda: files.create(n_epochs * n_pictures, first.image, {k: z[0] for k, z in example.items()}))
    rows = range(n_epochs * n_pictures)[rank::world_size]
    log.info("latents: computing those of %d epochs of %d samples, once", n_epochs, n_pictures)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        batch = collate([dataset[divmod(row, n_pictures)] for row in part])
        assert batch is not None
        files.write(part, batch, latents(batch.image, batch.mask))
    gathered(None)  # all have written
    model.train(was_training).to(home)
    share(lambda: files.finish(n_epochs))


def _digest(part: nn.Module) -> str:
    """Of a part's weights and buffers."""
    digest = hashlib.sha256(repr(part).encode())
    for name, tensor in sorted(part.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
