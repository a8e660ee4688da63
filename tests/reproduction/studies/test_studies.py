"""The studies of the latent: what must hold for any network, then the commands."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from latent_inpaint.losses import inlier_mask
from latent_inpaint.models import save_model
from reproduction.studies.command import main
from reproduction.studies.examples import pictures as read_pictures
from reproduction.studies.features import BlockFeatures, feature_numbers, feature_sheet, feature_study
from reproduction.studies.heat import CAPTION, captioned, heat
from reproduction.studies.interpolation import METHODS, interpolation_sheet, interpolation_study, resample
from reproduction.studies.perturbation import (
    grid_positions,
    perturbation_maps,
    perturbation_numbers,
    perturbation_sheet,
)


def enlarge(latent):
    """A decoder that is linear and sees one position only."""
    return functional.interpolate(latent[:, :3], scale_factor=8, mode="nearest")


# interpolation


@pytest.mark.parametrize("method", METHODS)
def test_scale_1_changes_nothing_and_a_constant_survives_any_scale(method):
    latent = torch.randn(2, 3, 8, 12)
    assert torch.equal(resample(latent, 1, method), latent)
    constant = torch.full((1, 2, 8, 12), 0.7)
    for scale in (0.01, 0.3, 0.5, 2):
        torch.testing.assert_close(resample(constant, scale, method), constant)


def test_resampling_by_hand():
    latent = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 4, 4)
    assert resample(latent, 0.5, "nearest")[0, 0, 0].tolist() == [1, 1, 3, 3]
    assert resample(latent, 0.5, "bilinear")[0, 0, 0].tolist() == [0.5, 1, 2, 2.5]
    assert resample(latent, 0.25, "bilinear").unique().tolist() == [1.5]


def test_interpolation_measures_the_latent_and_what_it_decodes_to(model):
    image = torch.rand(3, 3, 32, 32)
    rows, decoded = interpolation_study(model, image, [1, 0.5])
    assert [(row.method, row.scale) for row in rows] == [(m, s) for m in METHODS for s in (1, 0.5)]
    for row, pictures in zip(rows, decoded):
        means = row.means()
        if row.scale == 1:
            assert means["latent_mse"] == means["decoded_pd_lite0"] == 0
            assert means["decoded_psnr"] == 100
        else:
            assert means["latent_mse"] > 0 and means["decoded_ssim"] < 1
            with torch.inference_mode():
                latent = resample(model.encode(image), 0.5, row.method)
                assert torch.equal(pictures, model.decode(latent))
    sheet = interpolation_sheet(image, rows, decoded, shown=2)
    assert sheet.height > 2 * len(METHODS) * (32 + CAPTION)


def test_bad_scales_and_methods_are_refused():
    with pytest.raises(ValueError, match="scale must be above 0, got 0"):
        resample(torch.zeros(1, 1, 8, 8), 0, "nearest")
    with pytest.raises(ValueError, match="method must be one of nearest, bilinear, bicubic, got 'area'"):
        resample(torch.zeros(1, 1, 8, 8), 0.5, "area")


# perturbation


def test_the_change_is_zero_outside_the_decoders_receptive_field(model):
    """Three doublings and a 7×7 convolution: position i changes pixels 8i − 10 … 8i + 10, and no other."""
    latent = torch.randn(2, 16, 8, 8)
    (change,) = perturbation_maps(model.decode, latent, [(3, 4)])
    rows, columns = change.sum(dim=0).nonzero(as_tuple=True)
    assert (rows.min(), rows.max()) == (24 - 10, 24 + 10)
    assert (columns.min(), columns.max()) == (32 - 10, 32 + 10)


def test_the_change_of_a_linear_decoder_is_the_noise():
    latent = 3 * torch.randn(4, 3, 8, 8)
    positions = grid_positions((8, 8), 2)
    maps = perturbation_maps(enlarge, latent, positions, draws=400)
    own = torch.stack(
        [maps[i, :, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] for i, (r, c) in enumerate(positions)]
    )
    assert own.mean() == pytest.approx(float(latent.var()) / 2, rel=0.1)
    numbers = perturbation_numbers(maps, positions, 8)
    assert numbers["mean"]["own_share"] == 1
    assert numbers["mean"]["reach"] == 0
    assert numbers["positions"][3]["rms"] == pytest.approx(float(maps[3].mean().sqrt()), rel=1e-5)


def test_a_decoder_that_shifts_reaches_as_far():
    shifted = perturbation_maps(lambda z: enlarge(z).roll(5, dims=-1), torch.randn(1, 3, 8, 8), [(4, 4)])
    numbers = perturbation_numbers(shifted, [(4, 4)], 8)
    assert numbers["mean"]["reach"] == 5
    assert numbers["mean"]["own_share"] == pytest.approx(3 / 8)


def test_nothing_changes_where_the_latent_does_not_vary():
    maps = perturbation_maps(enlarge, torch.ones(1, 3, 8, 8), [(1, 1)])
    assert perturbation_numbers(maps, [(1, 1)], 8)["positions"][0] == {
        "row": 1,
        "column": 1,
        "rms": 0,
        "own_share": None,
        "reach": 0,
    }


def test_positions_are_spread_evenly_and_checked():
    assert grid_positions((8, 4), 2) == [(2, 1), (2, 3), (6, 1), (6, 3)]
    with pytest.raises(ValueError, match=r"per_side must be in 1\.\.4, the latent's side, got 5"):
        grid_positions((8, 4), 5)
    with pytest.raises(ValueError, match=r"positions must be inside 8×4, got \(0, 4\)"):
        perturbation_maps(enlarge, torch.zeros(1, 3, 8, 4), [(0, 4)])
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        perturbation_maps(enlarge, torch.zeros(1, 3, 8, 4), [(0, 0)], draws=0)


@pytest.mark.parametrize("per_side", [1, 2, 4])
def test_the_sheet_of_any_grid(per_side):
    image = torch.rand(2, 3, 64, 64)
    maps = perturbation_maps(enlarge, torch.randn(2, 3, 8, 8), grid_positions((8, 8), per_side), draws=1)
    assert perturbation_sheet(image, maps, per_side, shown=9).height > 2 * (64 + CAPTION)


# features


def test_features_are_the_decoders_and_masks_the_losses(model):
    image = torch.rand(2, 3, 64, 64)
    blocks = feature_study(model, image)
    assert [tuple(block.features.shape[1:]) for block in blocks] == [(8, 16, 16), (4, 32, 32), (2, 64, 64)]
    x = model.encode(image)
    for block, up, down_factor in zip(blocks, model.decoder.ups, (4, 2, 1)):
        x = up(x)
        torch.testing.assert_close(block.features, x)
        varies = x.std(dim=(2, 3)) > 0
        assert varies.any() and torch.equal(block.kept[varies], inlier_mask(x, down_factor)[varies])


class Flat(torch.nn.Module):
    def forward(self, latent):
        return torch.zeros(len(latent), 2, 16, 16)


def test_a_constant_map_shows_no_outliers(model):
    assert not inlier_mask(torch.zeros(1, 2, 16, 16)).any()
    model.decoder.ups = torch.nn.ModuleList([Flat()])
    (block,) = feature_study(model, torch.rand(1, 3, 64, 64))
    assert not block.outlier_share.any()


def test_a_planted_outlier_is_counted_ranked_and_shown():
    features = torch.rand(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    features[0, 2, 8:12, 8:12] = 50
    planted = BlockFeatures(features, inlier_mask(features, 2))
    assert planted.ranked_channels()[0, 0] == 2
    (numbers,) = feature_numbers([planted])
    assert numbers["worst_channel"] == 2 and numbers["channels_with_outliers"] == 0.25
    assert numbers["outlier_share"] == pytest.approx(numbers["worst_channel_outlier_share"] / 4)
    assert numbers["largest_deviation"] > 7
    pixels = np.asarray(feature_sheet(torch.rand(1, 3, 64, 64), [planted], shown=1)).reshape(-1, 3)
    pink = (pixels == (255, 60, 140)).all(axis=1).sum()
    assert pink == 4 * int((~planted.kept[0, 2]).sum())


# pictures of numbers


def test_heat_runs_from_black_to_pale_and_survives_a_constant():
    colours = heat(torch.tensor([[[0.0, 0.5], [1.0, 2.0]]]), 0.0, 1.0, (4, 4))
    assert colours[0, 0, 0].tolist() == [0, 0, 4] and colours[0, 3, 0].tolist() == [252, 253, 191]
    assert np.array_equal(colours[0, 3, 3], colours[0, 3, 0])
    luminance = heat(torch.linspace(0, 1, 50).view(1, 1, 50), 0.0, 1.0, (1, 50))[0, 0].sum(axis=-1)
    assert (np.diff(luminance.astype(int)) >= 0).all()
    flat = heat(torch.ones(1, 2, 2), 1.0, 1.0, (2, 2))
    assert (flat == flat[0, 0, 0]).all()


def test_a_caption_for_each_picture():
    pictures = np.zeros((2, 8, 40, 3), np.uint8)
    assert captioned(pictures, ["one", "two"]).shape == (2, 8 + CAPTION, 40, 3)
    with pytest.raises(ValueError, match="one for each of the 2 pictures is expected, got 1"):
        captioned(pictures, ["one"])


# commands


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", "c.png"):
        pixels = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


@pytest.mark.parametrize("study", ["interpolation", "perturbation", "features"])
def test_each_command_writes_a_picture_and_numbers(model, photographs, tmp_path, study, capsys):
    folder = save_model(model, tmp_path / "model")
    arguments = [study, "--model", str(folder), "--image", str(photographs), "--size", "32", "--count", "2"]
    arguments += ["--output", str(tmp_path / "out" / f"{study}.png")]
    assert main(arguments) == 0
    with Image.open(tmp_path / "out" / f"{study}.png") as picture:
        assert picture.width > 3 * 32
    numbers = json.loads((tmp_path / "out" / f"{study}.json").read_text())
    assert numbers["images"] == 2 and numbers["size"] == 32
    expected = {"interpolation": ("rows", 12), "perturbation": ("positions", 16), "features": ("blocks", 3)}
    key, count = expected[study]
    assert len(numbers[key]) == count
    assert main([*arguments, "--shown", "0"]) == 1
    assert "--shown must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("study", ["latent", "interpolation", "perturbation", "features"])
def test_help_has_an_example(study, capsys):
    with pytest.raises(SystemExit) as ended:
        main([study, "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        f"example: python bin/visualize.py {study} --model outputs/latent_control/RUN --image PHOTOS" in text
    )


def test_pictures_of_folders(photographs, tmp_path):
    assert read_pictures([photographs], 16).shape == (3, 3, 16, 16)
    assert read_pictures([photographs / "c.png", photographs], 16, count=2).shape[0] == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no picture in .*empty"):
        read_pictures([tmp_path / "empty"], 16)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        read_pictures([photographs], 16, count=0)
