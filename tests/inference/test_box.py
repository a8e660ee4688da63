"""The network in the box, and how it is made."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import latent_inpaint
from latent_inpaint.cli import main
from latent_inpaint.inference.loading import BOX
from latent_inpaint.inference.packing import CARD_FIELDS, CARD_NAME, MAX_MIB, make_box, save_half
from latent_inpaint.inference.refinement import RefinementWarning
from latent_inpaint.models.copying import CopyingInpainter, CopyingWarning
from latent_inpaint.models.storage import read_card, save_model

ROOT = Path(__file__).parents[2]

# No network, and every audit event of a connection is an error.
OFFLINE = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"reached for the network: {arguments}")
sys.addaudithook(refuse)
import numpy, latent_inpaint
hole = numpy.zeros((40, 50), bool); hole[10:30, 10:30] = True
image = numpy.full((40, 50, 3), 200, numpy.uint8); image[hole] = 0
result = latent_inpaint.load(device="cpu").inpaint(image, hole)
assert (result[~hole] == 200).all() and result[hole].min() > 190
print(latent_inpaint.__file__)
"""


def test_it_is_small_float16_on_the_disk_and_float32_in_memory():
    assert sum(path.stat().st_size for path in BOX.iterdir()) <= MAX_MIB * 2**20
    kinds = {value.dtype for value in load_file(BOX / "model.safetensors").values()}
    assert torch.float16 in kinds and not kinds & {torch.float32, torch.float64}
    model = latent_inpaint.load(device="cpu").model
    assert {value.dtype for value in model.parameters()} == {torch.float32} and not model.training


def test_its_card_says_where_it_comes_from():
    card, text = read_card(BOX), (BOX / CARD_NAME).read_text()
    assert set(card) == set(CARD_FIELDS) and all(card.values())
    for field in CARD_FIELDS:
        assert f"## {field.capitalize()}\n" in text
    assert card["command"] in text and "/home" not in text and card["metrics"]["rows"]["this network"]
    assert "bin/train.py" in card["command"] and len(card["commit"]) >= 40


def test_it_works_without_a_network_and_is_what_inpaint_uses():
    subprocess.run([sys.executable, "-c", OFFLINE], check=True)
    image, hole = Image.new("RGB", (30, 20), "teal"), np.zeros((20, 30), bool)
    image.paste("black", (5, 5, 20, 15))
    hole[5:15, 5:20] = True
    by_default = latent_inpaint.inpaint(image, hole)
    assert by_default.tobytes() == latent_inpaint.load().inpaint(image, hole).tobytes() != image.tobytes()


@pytest.mark.slow
def test_it_is_in_the_wheel(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "latent_inpaint", source / "latent_inpaint")
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, source]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, 'site')" + OFFLINE]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()).is_relative_to(tmp_path / "site")


def row(method, **more):
    card = {
        "n_images": 3,
        "size": 64,
        "masks": {"name": "thick"},
        "data": {"name": "folder", "description": "train/ and val/"},
        "commit": "c" * 40,
        "command": "python bin/train.py data.root=/home/me/photos 'paths=[/a/b,/c]' lr=1e-3",
    }
    metrics = {"ssim": 0.81234567, "fid": None} if method != "telea" else {"ssim": 0.8, "fid": None}
    return {"method": method, "metrics": metrics, "card": card | more}


@pytest.fixture
def run(tmp_path, network):
    save_model(network, tmp_path / "run" / "model")
    rows = [row("telea"), row("ours", checkpoint="/home/me/run/model")]
    (tmp_path / "run" / "metrics.json").write_text(json.dumps({"rows": rows}))
    return tmp_path / "run"


def test_a_run_becomes_a_box(run, tmp_path, network):
    folder = make_box(run, tmp_path / "box", data="three photographs")
    card = read_card(folder)
    assert card["command"] == "python bin/train.py data.root=photos 'paths=[b,c]' lr=1e-3"
    assert card["metrics"]["rows"] == {"telea": {"ssim": 0.8}, "this network": {"ssim": 0.8123}}
    text = (folder / CARD_NAME).read_text()
    assert "three photographs" in text and "| this network | 0.8123 |" in text and "64×64" in text
    image, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    expected, found = network(image, mask), latent_inpaint.load(folder, "cpu")(image, mask)
    assert 0 < (found - expected).abs().max() < 0.01


def test_the_table_may_come_from_another_evaluation(run, tmp_path):
    evaluated = row("box", checkpoint="x", size=256)
    (tmp_path / "metrics.json").write_text(json.dumps({"rows": [evaluated]}))
    card = read_card(make_box(run, tmp_path / "box", tmp_path / "metrics.json"))
    assert card["metrics"]["size"] == 256 and "64×64" in card["limits"]
    (tmp_path / "metrics.json").write_text(json.dumps({"rows": [row("telea")]}))
    with pytest.raises(ValueError, match=r"rows: none is about a network, got \['telea'\]"):
        make_box(run, tmp_path / "box", tmp_path / "metrics.json")


def test_a_box_that_is_too_large_is_an_error(run, tmp_path, monkeypatch):
    monkeypatch.setattr("latent_inpaint.inference.packing.MAX_MIB", 0.001)
    with pytest.raises(ValueError, match=r"model\.safetensors: 0\.\d MiB, more than 0\.001"):
        make_box(run, tmp_path / "box")


def test_conversion_to_half_precision(run, tmp_path):
    for flags in ([], ["--half"]):
        arguments = [f"--model={run}", f"--output={tmp_path / 'out'}{len(flags)}", "--device=cpu", *flags]
        assert main(["convert", *arguments]) == 0
    sizes = [(tmp_path / f"out{i}" / "model.safetensors").stat().st_size for i in range(2)]
    assert sizes[1] < 0.6 * sizes[0]


def test_weights_too_large_for_half_precision_are_named(tmp_path, make_network):
    network = make_network()
    with torch.no_grad():
        network.encoder.stem.conv.weight[0, 0, 0, 0] = 1e6
    with pytest.raises(ValueError, match=r"float16: encoder\.stem\.conv\.weight"):
        save_half(network, tmp_path)
    assert network.encoder.stem.conv.weight.dtype == torch.float32


def test_quality_is_the_default_and_keeps_to_a_budget():
    """A flat sky comes back without a trace of the hole, within a budget too; the network leaves one."""
    sky = np.full((300, 400, 3), (70, 120, 190), np.uint8)
    hole = np.zeros((300, 400), bool)
    hole[100:180, 120:260] = True
    quality, fast = latent_inpaint.load("quality"), latent_inpaint.load("fast")
    assert type(latent_inpaint.load().model) is type(quality.model) is CopyingInpainter
    painted = np.where(hole[..., None], 0, sky).astype(np.uint8)
    assert np.array_equal(quality.inpaint(painted, hole), sky)
    assert not np.array_equal(fast.inpaint(painted, hole), sky)
    with pytest.warns(CopyingWarning, match="smaller holes keep their sharpness"):
        bounded = quality.inpaint(painted, hole, memory_budget="20MiB")
    assert np.abs(bounded.astype(int) - sky).max() <= 1


def test_refine_takes_the_network_alone():
    """What is copied has no latent to optimise: without a model it is `fast`, with `quality` that is said."""
    picture, hole = np.full((40, 50, 3), 200, np.uint8), np.zeros((40, 50), bool)
    hole[10:30, 10:30] = True
    with pytest.warns(RefinementWarning):
        refined = latent_inpaint.inpaint(picture, hole, refine=True)
    assert np.array_equal(refined, latent_inpaint.inpaint(picture, hole, "fast"))
    with pytest.raises(ValueError, match="such as fast; CopyingInpainter is none"):
        latent_inpaint.inpaint(picture, hole, "quality", refine=True)
