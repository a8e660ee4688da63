"""All metrics of a table in one pass over the pictures, for any number of methods."""

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.metrics.discriminative import inception_discriminative_scores
from latent_inpaint.metrics.image import check_batch, l1_hole, psnr, ssim
from latent_inpaint.metrics.networks import MetricNetworks
from latent_inpaint.metrics.perceptual import lite0_perceptual_distance, lpips_distance
from latent_inpaint.metrics.records import MethodRecords, RealFeatures
from latent_inpaint.metrics.samples import SAMPLE_COLUMNS, sample_values
from latent_inpaint.metrics.summary import Pictures, summarise

logger = logging.getLogger(__name__)

KEYS = (
    "ssim", "psnr", "l1_hole", "pd_lite0", "fd_lite0", "fid", "fid_clean", "lpips", "p_ids", "u_ids",
    *SAMPLE_COLUMNS,
)  # fmt: skip
HIGHER_IS_BETTER = frozenset({"ssim", "psnr", "p_ids", "u_ids", "diversity", "diversity_lpips"})
ENOUGH_PICTURES = 2048
_COLUMNS = ("ssim", "psnr", "l1_hole", "pd_lite0", "lpips", *SAMPLE_COLUMNS)
_FRECHET_KEYS = {"lite0": "fd_lite0", "inception": "fid", "inception_clean": "fid_clean"}


class MetricSuite:
    """Metrics of composites against truths: give it every picture once per method, then ask for the summary.

    On a CPU networks see one picture at a time, each on one thread, several pictures beside each other: a
    result does not depend on the batch size or the number of threads. On another device they see the batch.
    Pictures are sorted by name before anything is summed, so a result does not depend on their order either.

    Args:
        backbone: "lite0": only what needs no download; "auto": also FID, P-IDS, U-IDS and LPIPS where their
            weights are found; "standard": the same, but missing weights are fetched, and logged as errors
            where they cannot be. They never stop a run: the metric is None and one line says what to do.
        inception_weights: local file of FID's Inception; None looks where `latent_inpaint.registry` does.
        lpips_net: backbone of LPIPS, "alex" or "vgg".
        lpips_weights: local file of that backbone's weights; None as above.
        inception_sha256: checksum to demand instead of the published one.
        lpips_sha256: checksum to demand instead of the published one.
        cache_dir: folder that keeps features of real pictures between runs; see `use_cache`.
        replicates: bootstrap resamples of the 95 % intervals; 0 for none.
        seed: of the resampling.
        device: where the networks run.

    Raises:
        ValueError: an unknown backbone or LPIPS net, or a weights file with a wrong checksum.
    """

    def __init__(
        self,
        backbone: str = "auto",
        inception_weights: str | Path | None = None,
        lpips_net: str = "alex",
        lpips_weights: str | Path | None = None,
        inception_sha256: str | None = None,
        lpips_sha256: str | None = None,
        cache_dir: str | Path | None = None,
        replicates: int = 1000,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.networks = MetricNetworks(
            backbone, inception_weights, lpips_net, lpips_weights, inception_sha256, lpips_sha256, device
        )
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.replicates, self.seed = replicates, seed
        self._records: dict[str, MethodRecords] = {}
        self._real = {backbone: RealFeatures() for backbone in self.networks.frechet}
        self._targets: dict[str, tuple[Tensor, list[Tensor]]] = {}
        self._warned = False

    @property
    def missing(self) -> list[str]:
        """One line per metric that is None because its weights are missing."""
        return list(self.networks.missing)

    @property
    def methods(self) -> list[str]:
        """Methods of which there are pictures, in the order in which they first came."""
        return list(self._records)

    def done(self, method: str = "model") -> set[str]:
        """Return the names of the pictures that a method has been measured on."""
        return set(self._records[method].names) if method in self._records else set()

    def use_cache(self, file_list_hash: str, size: int) -> None:
        """Share features of real pictures with other runs on the same files at the same size.

        Args:
            file_list_hash: of what determines the real pictures (files and how they are cropped).
            size: side of the pictures in pixels.
        """
        if self.cache_dir is None:
            return
        for backbone, real in self._real.items():
            weights = self.networks.weights_sha256(backbone)[:8]
            real.open(self.cache_dir / f"real-{file_list_hash[:16]}-{size}-{backbone}-{weights}.npz")

    def update(
        self, composite: Tensor, target: Tensor, mask: Tensor, names: Sequence[str], method: str = "model"
    ) -> None:
        """Measure a batch. A picture that a method gives again replaces what was there.

        Args:
            composite: what the method made, known pixels as in the truth, `[B, 3, H, W]` in [0, 1].
            target: the truth, `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]`, 1 = hole.
            names: B names that identify the pictures.
            method: whose composites these are.

        Raises:
            ValueError: shapes do not fit, or a composite has NaN or infinite pixels. Nothing is kept then.
        """
        check_batch(composite, target, mask, names)
        self._targets = {name: kept for name, kept in self._targets.items() if name in names}
        records = self._records.setdefault(method, MethodRecords(_COLUMNS))
        count = 1 if self.networks.device.type == "cpu" else len(names)
        parts = [slice(start, start + count) for start in range(0, len(names), count)]
        with _one_thread() as threads, ThreadPoolExecutor(threads, initializer=_one_core) as pool:
            found = pool.map(lambda p: self._measure(composite[p], target[p], mask[p], names[p]), parts)
            for name, hole_fraction, values, features in itertools.chain.from_iterable(found):
                records.add(name, hole_fraction, values, features)

    def add_samples(
        self, samples: Tensor, target: Tensor, mask: Tensor, name: str, method: str, chosen: int = 0
    ) -> None:
        """Add what several fills of a picture say to the picture's values, which `update` gave.

        Args:
            samples: composites, `[N, 3, H, W]` in [0, 1], N at least 2.
            target: the truth, `[1, 3, H, W]`.
            mask: `[1, 1, H, W]`, 1 = hole.
            name: of the picture.
            method: whose composites these are.
            chosen: number of the one that was chosen without the truth.
        """
        place = self.networks.device
        shown, truth, hole = (x.float().to(place) for x in (samples, target, mask))
        with _one_thread(), torch.inference_mode():
            target_maps = self._target_features([name], truth)
            networks = (self.networks.perceptual, self.networks.lpips)
            values = sample_values(shown, truth, target_maps, hole, chosen, *networks)
        self._records[method].set(name, values)

    def compute(self, method: str = "model") -> dict[str, Any]:
        """Return a method's summary.

        Returns:
            "images"; "metrics", "intervals" (95 %, `(low, high)`) and "counts" by key of `KEYS`, None where
            there is nothing; "hole_area": a list of ten dictionaries with the same entries and "range", the
            decile of hole fraction `[low, high]`, whose upper bound belongs to it.

        Raises:
            ValueError: the method has no pictures.
        """
        if not self.done(method):
            raise ValueError(f"method: expected one of {self.methods}, got {method!r}")
        records = self._records[method]
        if len(records.names) < ENOUGH_PICTURES and not self._warned:
            self._warned = True
            logger.warning(
                "%d pictures, fewer than %s: Fréchet distances are biased upwards; compare them only between "
                "methods on these pictures",
                len(records.names),
                f"{ENOUGH_PICTURES:,}",
            )
        for real in self._real.values():
            real.save()
        summary = summarise(self._pictures(records), self.replicates, self.seed)
        return _ordered(summary)

    def card(self) -> dict[str, Any]:
        """Return what identifies the metrics: networks, their weights' checksums, the resampling."""
        return self.networks.card() | {"replicates": self.replicates, "seed": self.seed}

    def state_dict(self) -> dict[str, Any]:
        """Return everything measured so far, as tensors, numbers and strings only."""
        return {
            "methods": {method: records.state_dict() for method, records in self._records.items()},
            "real": {backbone: real.state_dict() for backbone, real in self._real.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Add what another suite with the same networks has measured (of a stopped run, or another process).

        Raises:
            ValueError: it was measured with other networks.
        """
        if set(state["real"]) != set(self._real):
            raise ValueError(
                f"state: expected the backbones {sorted(self._real)}, got {sorted(state['real'])}"
            )
        for method, records in state["methods"].items():
            self._records.setdefault(method, MethodRecords(_COLUMNS)).load_state_dict(records)
        for backbone, real in state["real"].items():
            self._real[backbone].load_state_dict(real)

    @torch.inference_mode()
    def _measure(
        self, composite: Tensor, target: Tensor, mask: Tensor, names: Sequence[str]
    ) -> list[tuple[str, float, dict[str, float], dict[str, Tensor]]]:
        """Name, hole fraction, values by column and features by backbone of each picture."""
        picture, truth, hole = (x.float().to(self.networks.device) for x in (composite, target, mask))
        lpips, perceptual = self.networks.lpips, self.networks.perceptual
        ours = perceptual(picture.contiguous(memory_format=torch.channels_last))
        nothing = torch.full((len(names),), math.nan)
        columns = {
            "ssim": ssim(picture, truth),
            "psnr": psnr(picture, truth),
            "l1_hole": l1_hole(picture, truth, hole),
            "pd_lite0": lite0_perceptual_distance(ours, self._target_features(names, truth)),
            "lpips": lpips_distance(lpips(picture), lpips(truth)) if lpips else nothing,
            **dict.fromkeys(SAMPLE_COLUMNS, nothing),
        }
        values = {column: tensor.tolist() for column, tensor in columns.items()}
        fractions = hole.double().mean(dim=(1, 2, 3)).tolist()
        features = self._frechet_features(picture, truth, names)
        return [
            (
                name,
                fractions[i],
                {column: value[i] for column, value in values.items()},
                {backbone: vectors[i] for backbone, vectors in features.items()},
            )
            for i, name in enumerate(names)
        ]

    def _frechet_features(self, picture: Tensor, truth: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        features: dict[str, Tensor] = {}
        for backbone, network in self.networks.frechet.items():
            features[backbone] = network(picture).cpu()
            real = self._real[backbone]
            new = [i for i, name in enumerate(names) if name not in real]
            for i, vector in zip(new, network(truth[new]).cpu() if new else ()):
                real.add(names[i], vector)
        return features

    def _target_features(self, names: Sequence[str], truth: Tensor) -> list[Tensor]:
        """Features of truths, kept while batches with these pictures come in (one per method)."""
        kept = [self._targets.get(name) for name in names]
        if any(one is None or not torch.equal(one[0], truth[i]) for i, one in enumerate(kept)):
            maps = self.networks.perceptual(truth.contiguous(memory_format=torch.channels_last))
            for i, name in enumerate(names):
                self._targets[name] = (truth[i], [features[i : i + 1] for features in maps])
        depths = zip(*(self._targets[name][1] for name in names))
        return [depth[0] if len(depth) == 1 else torch.cat(depth) for depth in depths]

    def _pictures(self, records: MethodRecords) -> Pictures:
        names = records.names
        values: dict[str, np.ndarray | None] = {column: records.values(column) for column in _COLUMNS}
        features: dict[str, tuple[Tensor, Tensor] | None] = dict.fromkeys(_FRECHET_KEYS.values())
        for backbone, real in self._real.items():
            features[_FRECHET_KEYS[backbone]] = (records.features(backbone), real.stack(names))
        values |= {"p_ids": None, "u_ids": None}
        if fid := features["fid"]:
            values["p_ids"], values["u_ids"] = inception_discriminative_scores(real=fid[1], fake=fid[0])
        return Pictures(records.hole_fractions, values, features)


@contextmanager
def _one_thread() -> Iterator[int]:
    """One thread for each picture; gives the number of those that there were: so many may work at a time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _one_core() -> None:
    torch.set_num_threads(1)


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    """Put the metrics of a row in the order of `KEYS`."""
    for group in ("metrics", "intervals", "counts"):
        row[group] = {key: row[group][key] for key in KEYS}
    for part in row.get("hole_area", ()):
        _ordered(part)
    return row
