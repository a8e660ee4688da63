"""Methods without weights, by name: in Python and on the command line."""

import json

import numpy as np
import pytest
from PIL import Image

import latent_inpaint
from latent_inpaint.cli import main
from latent_inpaint.models.classical import installed

pytest.importorskip("cv2", reason="needs the extra classical")
NAMES = installed()


def grain(rng, height=96, width=120, depth=np.uint8):
    top = np.iinfo(depth).max
    return rng.integers(top // 3, top // 2, (height, width, 3), dtype=depth)


def scratch(height=96, width=120):
    hole = np.zeros((height, width), bool)
    hole[40:70, 50:90] = True
    return hole


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_known_pixels_are_the_inputs_and_the_hole_has_their_colours(name, depth, rng):
    image, hole = grain(rng, depth=depth), scratch()
    image[hole] = 0
    repaired = latent_inpaint.inpaint(image, hole, name)
    assert repaired.dtype == image.dtype and np.array_equal(repaired[~hole], image[~hole])
    top = np.iinfo(depth).max
    assert top * 0.27 < repaired[hole].min() and repaired[hole].max() < top * 0.55
    assert np.array_equal(repaired, latent_inpaint.load(name).inpaint(image, hole))


@pytest.mark.skipif("patchmatch" not in NAMES, reason="pypatchmatch has no build for this Python")
def test_only_the_surroundings_are_worked_on_and_nothing_bends_them(rng, monkeypatch):
    image, hole = grain(rng, 700, 900), np.zeros((700, 900), bool)
    hole[300:340, 400:460] = True
    pipeline = latent_inpaint.load("patchmatch")
    seen, fill = [], pipeline.model.fill_picture

    def spied(picture, its_hole):
        filled = fill(picture, its_hole)
        seen.append(filled)
        return filled

    monkeypatch.setattr(pipeline.model, "fill_picture", spied)
    repaired = pipeline.inpaint(image, hole)
    (filled,) = seen
    assert filled.shape == (256, 256, 3)
    copied = repaired[hole].reshape(-1, 3)
    in_crop = filled[(filled.shape[0] - 40) // 2 :][:40, (filled.shape[1] - 60) // 2 :][:, :60].reshape(-1, 3)
    assert np.array_equal(copied, in_crop)  # neither membrane nor seam


def test_a_folder_of_the_name_is_asked_for_as_a_path(tmp_path, monkeypatch, network):
    from latent_inpaint.models.storage import save_model

    monkeypatch.chdir(tmp_path)
    save_model(network, tmp_path / "telea")
    assert type(latent_inpaint.load("telea").model).__name__ == "Telea"
    assert type(latent_inpaint.load("./telea").model).__name__ == "LatentInpainter"


def test_what_has_no_use_is_said(rng, capsys, tmp_path):
    image, hole = grain(rng), scratch()
    with pytest.raises(ValueError, match="refine: a model that is a function of its latent"):
        latent_inpaint.inpaint(image, hole, "telea", refine=True)
    with pytest.raises(ValueError, match="samples: Telea is a function"):
        latent_inpaint.inpaint(image, hole, "telea", samples=2)
    with pytest.raises(FileNotFoundError, match=r"patchmtach: no such .* \(did you mean patchmatch"):
        latent_inpaint.load("patchmtach")
    for command, output in (("convert", "folder"), ("export", "model.ts")):
        assert main([command, "--model", "telea", "--output", str(tmp_path / output)]) == 1
        assert "telea is no network, which is expected" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_take_the_name(name, rng, tmp_path, capsys):
    image, hole = grain(rng), scratch()
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(hole).save(tmp_path / "mask.png")
    files = [f"--{kind}={tmp_path / f'{kind}.png'}" for kind in ("image", "mask", "output")]
    assert main(["predict", "--model", name, *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == []
    repaired = np.asarray(Image.open(tmp_path / "output.png"))
    assert np.array_equal(repaired, latent_inpaint.inpaint(image, hole, name))
    assert main(["info", "--model", name]) == 0
    said = capsys.readouterr().out
    assert "without weights" in said and "cpu" in said
