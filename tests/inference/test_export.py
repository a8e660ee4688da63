import copy
import sys

import numpy as np
import pytest
import torch
from torch import nn

from latent_inpaint.cli import main
from latent_inpaint.inference.export import (
    CHECKED_SIZES,
    _shrink,
    export_model,
    largest_difference,
    open_exported,
)
from latent_inpaint.inference.matrix_fourier import MatrixFourierUnit, with_matrix_products
from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, MaskAsAlpha
from latent_inpaint.models.ffc import FourierUnit
from latent_inpaint.models.storage import save_model


def with_random_statistics(module: nn.Module) -> nn.Module:
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
    return module.eval()


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (7, 9), (6, 11), (172, 96)])
def test_matrix_products_equal_the_fast_fourier_transform(size):
    unit = with_random_statistics(FourierUnit(5))
    x = torch.randn(2, 5, *size)
    torch.testing.assert_close(MatrixFourierUnit(unit)(x), unit(x), rtol=0, atol=1e-4)


def test_conversion_replaces_every_unit_of_a_copy(network):
    converted = with_matrix_products(network)
    kinds = [type(module) for module in converted.modules()]
    n_units = sum(isinstance(module, FourierUnit) for module in network.modules())
    assert FourierUnit not in kinds and kinds.count(MatrixFourierUnit) == n_units == 2
    image, mask = torch.rand(1, 3, 64, 80), torch.ones(1, 1, 64, 80)
    torch.testing.assert_close(converted(image, mask), network(image, mask), rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
@pytest.mark.parametrize("ending", [".ts", ".onnx", ".pt2"])
def test_an_exported_file_gives_what_the_network_gives(tmp_path, network, ending):
    path = tmp_path / f"model{ending}"
    printed = export_model(network, path)
    assert any(height != width for height, width in CHECKED_SIZES) and len(CHECKED_SIZES) >= 3
    assert largest_difference(network, open_exported(path), CHECKED_SIZES) == pytest.approx(printed)
    assert printed < 1e-4
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if ending == ".onnx":
        half_weights_halve_the_file_and_change_little(network, path)


def half_weights_halve_the_file_and_change_little(network, path):
    whole = path.read_bytes()
    assert b"site-packages" not in whole  # the exporter's notes
    _shrink(path, half=True)
    saved, weights = len(whole) - path.stat().st_size, 2 * sum(p.numel() for p in network.parameters())
    assert weights * 0.8 < saved < weights * 1.1
    rounded = copy.deepcopy(network).half().float()
    assert largest_difference(rounded, open_exported(path), CHECKED_SIZES) < 1e-4
    assert 1e-6 < largest_difference(network, open_exported(path), CHECKED_SIZES) < 0.02


def test_half_is_for_onnx(tmp_path, network):
    with pytest.raises(ValueError, match=r"model\.ts: half is for \.onnx"):
        export_model(network, tmp_path / "model.ts", half=True)


def test_a_file_that_differs_is_not_kept(tmp_path, network, monkeypatch):
    monkeypatch.setattr("latent_inpaint.inference.export.TOLERANCE", -1.0)
    with pytest.raises(ValueError, match=r"model\.ts: differs from the network by"):
        export_model(network, tmp_path / "model.ts")
    assert not list(tmp_path.iterdir())


def test_a_network_with_the_mask_as_alpha(tmp_path):
    encoder = Encoder(ngf=2, n_downsampling=2, in_channels=4)
    network = LatentInpainter(
        encoder, FFCRefiner(encoder.latent_channels, 1), Decoder(2, 2), MaskAsAlpha()
    ).eval()
    assert export_model(network, tmp_path / "model.ts", [(20, 12), (16, 16)]) < 1e-4


def test_the_command_prints_the_largest_difference(tmp_path, network, capsys):
    save_model(network, tmp_path / "model")
    output = tmp_path / "model.ts"
    assert main(["export", f"--model={tmp_path / 'model'}", f"--output={output}", "--device=cpu"]) == 0
    assert "torchscript, largest difference" in capsys.readouterr().out
    image = np.zeros((1, 3, 16, 16), np.float32)
    assert open_exported(output)(torch.from_numpy(image), torch.zeros(1, 1, 16, 16)).shape == image.shape


@pytest.mark.parametrize(
    ("name", "message"), [("model.tflite", "ending must be one of"), ("no/m.ts", "no such folder")]
)
def test_outputs_that_cannot_be_written(tmp_path, network, capsys, name, message):
    save_model(network, tmp_path / "model")
    assert main(["export", f"--model={tmp_path / 'model'}", f"--output={tmp_path / name}"]) == 1
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named_first(tmp_path, network, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, how: False)  # root may write everywhere
    with pytest.raises(PermissionError, match="the folder cannot be written"):
        export_model(network, tmp_path / "model.ts")


def test_a_missing_library_is_named(tmp_path, network, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    save_model(network, tmp_path / "model")
    assert main(["export", f"--model={tmp_path / 'model'}", f"--output={tmp_path / 'm.onnx'}"]) == 1
    assert 'pip install "latent-inpaint[export]"' in capsys.readouterr().err
