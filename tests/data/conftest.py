from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_picture(path: Path, height: int = 60, width: int = 80, seed: int = 0) -> Path:
    """A smooth coloured picture with some noise; the format follows from the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(image).astype(int) + rng.integers(-8, 9, (height, width, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def truncate(path: Path) -> Path:
    """Cuts a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.fixture
def make_picture():
    return write_picture


@pytest.fixture
def make_truncated():
    return lambda path: truncate(write_picture(path))


@pytest.fixture
def tree(tmp_path):
    """Twelve pictures in a nested tree, with repeated file names."""
    root = tmp_path / "photos"
    for number in range(12):
        suffix = ("jpg", "png", "webp", "JPEG")[number % 4]
        write_picture(root / f"class_{number // 4}" / f"{number % 4:04d}.{suffix}", seed=number)
    return root
