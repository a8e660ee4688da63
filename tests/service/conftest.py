import numpy as np
import pytest
from PIL import Image

import latent_inpaint

pytest.importorskip("fastapi", reason="needs the extra serve")
pytest.importorskip("httpx", reason="needs httpx (extra dev)")


@pytest.fixture(scope="session")
def box():
    return latent_inpaint.load(device="cpu", precision="float32")


@pytest.fixture
def picture():
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return np.asarray(small.resize((64, 48), Image.Resampling.BICUBIC))


@pytest.fixture
def hole():
    mask = np.zeros((48, 64), np.uint8)
    mask[16:30, 20:40] = 255
    return mask


@pytest.fixture
def client(box):
    from serving import serving

    with serving(box) as opened:
        yield opened
