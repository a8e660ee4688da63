import numpy as np
import torch

from latent_inpaint.sheets import progress_sheet, read_column, save_sheet, sheet, to_uint8


def test_sheets_can_be_taken_apart_again(tmp_path):
    images = {name: torch.rand(3, 3, 16, 24) for name in ("input", "composite", "truth")}
    for step in (0, 10):
        save_sheet(images, tmp_path / f"step_{step:07d}.png")
    path = tmp_path / "step_0000010.png"
    for name, expected in images.items():
        assert np.array_equal(read_column(path, name), to_uint8(expected))
    assert read_column(path, "mask") is None
    progress = progress_sheet(tmp_path, ("input", "composite", "truth"))
    assert progress.size == sheet(dict.fromkeys("abcd", to_uint8(images["input"]))).size
