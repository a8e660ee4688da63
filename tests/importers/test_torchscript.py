"""Programs of others, called as a description says; and what does not fit it."""

import re
import warnings

import pytest
import torch
from torch import nn

import latent_inpaint
from latent_inpaint.importers.torchscript import Signature, load_torchscript

warnings.filterwarnings("ignore", category=FutureWarning, message="`torch.jit")
MIGAN = """
inputs: [[mask, image]]
image_range: [-1, 1]
image_hole: 0
mask_values: {known: 0.5, hole: -0.5}
output_range: [-1, 1]
size: 32
"""


class Migan(nn.Module):
    """Takes what MI-GAN takes, of one size; paints the hole red; fails where the input is another."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1] == 4 and x.shape[2] == 32 and x.shape[3] == 32
        hole = x[:, :1] < 0
        assert bool(((x[:, :1] == 0.5) | (x[:, :1] == -0.5)).all())
        assert bool((x[:, 1:].masked_select(hole.expand(-1, 3, -1, -1)) == 0).all())
        assert bool(x[:, 1:].min() >= -1) and bool(x[:, 1:].max() <= 1)
        red = torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1)
        return torch.where(hole, red, x[:, 1:])


class InBytes(nn.Module):
    """Two arguments, BGR in [0, 255], 1 = known; gives blue as it calls it, which is the first channel."""

    def forward(self, known: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        assert bool(image.max() > 1) and image.shape[2] % 4 == 0
        return torch.where(known > 0.5, image, torch.tensor([255.0, 0.0, 0.0]).reshape(1, 3, 1, 1))


def save(module, folder, text=None):
    path = folder / "net.pt"
    torch.jit.script(module).save(str(path))
    if text is not None:
        path.with_suffix(".yaml").write_text(text)
    return path


def picture(height=20, width=50):
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, height, width)
    mask[..., 5:12, 10:30] = 1
    return image, mask


@pytest.mark.parametrize("size", [(20, 50), (32, 32), (7, 9), (100, 40)])
def test_a_program_of_one_size_fills_pictures_of_any(tmp_path, size):
    pipeline = latent_inpaint.load(save(Migan(), tmp_path, MIGAN), device="cpu")
    image, mask = picture(*size)
    prediction = pipeline(image, mask)
    assert prediction.shape == image.shape
    inner = prediction[..., 6:11, 12:28] if size != (7, 9) else prediction[..., 5:, 10:]
    if inner.numel():
        torch.testing.assert_close(inner[:, 0], torch.ones_like(inner[:, 0]), atol=0.02, rtol=0)
        assert float(inner[:, 1:].max()) < 0.02
    if max(size) <= 32:
        torch.testing.assert_close(prediction * (1 - mask), image * (1 - mask), atol=1e-6, rtol=0)


def test_order_range_channels_and_polarity(tmp_path):
    text = (
        "inputs: [mask, image]\nimage_range: [0, 255]\noutput_range: [0, 255]\nchannels: bgr\nmultiple: 4\n"
    )
    path = save(InBytes(), tmp_path, text + "mask_values: {known: 1, hole: 0}\n")
    image, mask = picture(21, 50)
    prediction = latent_inpaint.load(path, device="cpu")(image, mask)
    torch.testing.assert_close(prediction * (1 - mask), image * (1 - mask), atol=1e-5, rtol=0)
    hole = prediction[..., 5:12, 10:30]
    assert torch.equal(hole[:, 2], torch.ones_like(hole[:, 2])) and float(hole[:, :2].max()) == 0


def test_it_repairs_pictures_and_is_measured(tmp_path):
    import numpy as np

    path = save(Migan(), tmp_path, MIGAN)
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8), np.zeros((60, 80), np.uint8)
    mask[20:30, 30:50] = 255
    result = latent_inpaint.inpaint(image, mask, str(path))
    assert (result[mask == 0] == image[mask == 0]).all() and (result[mask > 0] != image[mask > 0]).any()


def test_without_a_description_no_program_runs(tmp_path):
    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("it ran")
            return x

    with pytest.raises(ValueError, match=r"net\.pt: holds no LaMa generator"):
        latent_inpaint.load(save(Writes(), tmp_path), device="cpu")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: [image, mask]", re.escape("no such field: input (did you mean inputs?)")),
        ("inputs: [image]", "inputs: expected image and mask, each once, got"),
        ("output_range: [1, 0]", "output_range: expected two numbers, the first below the second"),
        ("mask_values: {hole: 1}", "mask_values: expected known and hole"),
        ("channels: grey", "channels: expected rgb or bgr, got 'grey'"),
        ("size: 0", "multiple, size: expected 1 or more"),
        ("size: big", "signature: "),
        ("- image", "expected the fields of a signature, got list"),
    ],
)
def test_a_description_that_cannot_be_is_one_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        latent_inpaint.load(save(Migan(), tmp_path, text), device="cpu")
    assert "\n" not in str(caught.value)


def test_outputs_that_do_not_fit_are_named():
    one = Signature()
    with pytest.raises(ValueError, match=r"expected an output of \[B, 3, 8, 8\], got \[1, 4, 8, 8\]"):
        one.prediction(torch.zeros(1, 4, 8, 8), (8, 8))
    with pytest.raises(ValueError, match="got tuple"):
        one.prediction((torch.zeros(1, 3, 8, 8),), (8, 8))
    with pytest.raises(ValueError, match="expected an output within 0.0 to 1.0, got 0 to 255"):
        one.prediction(torch.linspace(0, 255, 192).reshape(1, 3, 8, 8), (8, 8))


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"net\.pt: no TorchScript file"):
        load_torchscript(tmp_path / "net.pt", {})
