"""How fast one core makes training samples, and whether a training step waits for them."""

from __future__ import annotations

import io
import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.lines import Line
from benchmarks.steps import ROWS, network, training_step
from benchmarks.timing import rate, ratios
from latent_inpaint.data.datasets import PictureReader, TrainDataset, Transform, collate
from latent_inpaint.data.listing import list_pictures
from latent_inpaint.data.loaders import torch_loader
from latent_inpaint.data.masks import preset
from latent_inpaint.data.photos import read_picture
from latent_inpaint.data.sampler import EndlessBatches
from latent_inpaint.data.transforms import CropFlip, Distortions

N_PICTURES = 32
BATCH = 16


def write_pictures(folder: Path) -> None:
    """JPEGs of 288 pixels, cut from photographs that come inside scikit-image, at quality 90."""
    from skimage import data

    photographs = [data.astronaut(), data.coffee(), data.chelsea()]
    rng = np.random.default_rng(0)
    for index in range(N_PICTURES):
        photograph = photographs[index % len(photographs)]
        top, left = (int(rng.integers(side - 288 + 1)) for side in photograph.shape[:2])
        crop = photograph[top : top + 288, left : left + 288]
        Image.fromarray(crop).save(folder / f"{index}.jpg", quality=90)


def dataset_of(folder: Path) -> TrainDataset:
    """Training samples of 256² from `folder`, each picture decoded every time."""
    return TrainDataset(PictureReader(list_pictures(folder)), CropFlip(256), preset("train", 256), seed=0)


def sample_lines(folder: Path, seconds: float) -> list[Line]:
    """Crops and masks per second of one core."""
    cv2.setNumThreads(0)
    dataset = dataset_of(folder)
    numbers = itertools.count()
    masks = preset("train", 256)
    rng = np.random.default_rng(0)

    def batch() -> int:
        keys = [divmod(next(numbers), N_PICTURES) for _ in range(8)]
        samples = collate([dataset[key] for key in keys])
        return 0 if samples is None else len(samples.name)

    def hundred_masks() -> int:
        for _ in range(100):
            masks(rng)
        return 100

    return [
        Line(
            "training crops of 256²",
            rate(batch, seconds),
            60,
            "288-pixel JPEGs, default augmentation and masks, nothing cached",
            "decoding JPEGs (libjpeg-turbo)",
            True,
            "per core and second",
        ),
        Line(
            "training masks of 256²",
            rate(hundred_masks, seconds),
            2000,
            "LaMa's training mixture",
            "drawing of thick lines (OpenCV)",
            True,
            "per core and second",
        ),
    ]


def augmentation_lines(folder: Path, repeats: int) -> list[Line]:
    """Cutting in the workers and augmenting whole batches where they train, against all in the workers."""
    cv2.setNumThreads(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = [read_picture(path) for path in sorted(folder.iterdir())[:BATCH]]
    transform = Distortions(256)
    cut, augment = transform.on_device()

    def generators() -> list[np.random.Generator]:
        return [np.random.default_rng(number) for number in range(BATCH)]

    def crops(of: Transform) -> torch.Tensor:
        cropped = [of(picture, rng) for picture, rng in zip(pictures, generators())]
        return torch.from_numpy(np.stack(cropped)).permute(0, 3, 1, 2)

    jobs = {
        "workers": lambda: crops(transform),
        "cut": lambda: crops(cut),
        "device": lambda: augment(crops(cut).to(device).float() / 255, generators()).cpu(),
    }
    found = ratios(jobs, "workers", repeats)
    return [
        Line(
            "workers' part with data.augment_on_device",
            found["cut"],
            None,
            "all of `distortions` in the workers, crops of 256², reading apart",
            "cutting",
        ),
        Line(
            f"data.augment_on_device on {device.type}, the workers' part included",
            found["device"],
            None,
            f"the same in the workers, {BATCH} crops of 256²; CPU time, waiting for the device included",
            "on a CPU: float32 in place of OpenCV's 8 bits",
        ),
    ]


def draft_line(repeats: int) -> Line:
    """Reading a large JPEG for crops of 128², at most 512 pixels on the short side."""
    from skimage import data

    large = Image.fromarray(data.astronaut()).resize((4096, 4096), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=90)
    encoded = file.getvalue()

    def in_full() -> None:
        picture = Image.fromarray(read_picture(io.BytesIO(encoded)))
        np.asarray(picture.resize((512, 512), Image.Resampling.BICUBIC))

    jobs = {"draft": lambda: read_picture(io.BytesIO(encoded), 512), "in full": in_full}
    return Line(
        "reading a JPEG of 4096² at 512²",
        ratios(jobs, "in full", repeats)["draft"],
        0.5,
        "decoding in full, then reducing",
        "entropy decoding, which draft mode does not skip",
    )


def waiting_line(folder: Path, n_steps: int) -> Line:
    """Share of the time that training at ngf 8 waits for one worker: wall clock, so wants a quiet machine."""
    row = ROWS["latent_control"]
    step = training_step(network(row, 8), row.pixels)
    order = EndlessBatches(N_PICTURES, batch_size=8, seed=0)
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads - 1))  # the worker has a core of its own
    batches = iter(torch_loader(dataset_of(folder), num_workers=1, batch_sampler=order))
    waited, start = 0.0, 0.0
    for number in range(n_steps + 2):
        if number == 2:  # the worker has started, the libraries have warmed up
            waited, start = 0.0, time.perf_counter()
        asked = time.perf_counter()
        image, mask = next(batches)[:2]
        waited += time.perf_counter() - asked
        step(image, mask)
    elapsed = time.perf_counter() - start
    torch.set_num_threads(threads)
    return Line(
        "share of time waiting for data",
        waited / elapsed,
        0.02,
        "latent_control, ngf 8, 256², batch 8, one worker; logged as speed/data_wait_share",
        "one worker's crops per second against the step's images per second",
    )
