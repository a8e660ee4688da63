"""Pictures of another program, exported networks, and a table that grows."""

import json

import pytest
import torch
from evaluations import configure
from PIL import Image

from latent_inpaint.evaluation.command import run
from latent_inpaint.evaluation.files import read_rows
from latent_inpaint.evaluation.results import Exported, FolderResults
from latent_inpaint.inference.export import export_model
from latent_inpaint.inference.loading import read_model

FAST = ("gallery=null", "metrics.replicates=0")


@pytest.fixture
def results(pictures, tmp_path):
    """Grey crops for two of the three validation pictures, each named in a way of its own."""
    folder = tmp_path / "theirs"
    (folder / "deep").mkdir(parents=True)
    grey = Image.new("RGB", (32, 32), (127, 127, 127))
    grey.save(folder / "deep" / "0.jpg", quality=100)
    grey.save(folder / "1_mask001.png")
    return folder


def test_pictures_of_another_program_are_measured_by_name(pictures, results, tmp_path):
    outputs = f"paths.outputs={tmp_path / 'out'}"
    (row, grey) = read_rows(
        run(configure(pictures, "methods=[folder,grey]", f"root={results}", outputs, *FAST)) / "metrics.json"
    )
    assert row["method"] == "theirs" and row["card"]["n_images"] == 2
    assert (
        list(row["card"]["failed"]) == ["2.png"] and "no picture for 2.png" in row["card"]["failed"]["2.png"]
    )
    assert grey["card"]["n_images"] == 3
    Image.new("RGB", (48, 32)).save(results / "2.png")
    (row,) = read_rows(
        run(configure(pictures, "methods=folder", f"root={results}", outputs, *FAST)) / "metrics.json"
    )
    assert "2.png: expected 32×32 pixels, got 48×32" in row["card"]["failed"]["2.png"]


def test_a_picture_is_found_by_what_it_is_called(results):
    image, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    method = FolderResults(str(results), label="mine")
    assert method.name == "mine"
    assert torch.allclose(method(image, mask, ["0.png"]), torch.tensor(127 / 255), atol=0.01)
    assert torch.equal(method(image, mask, ["x/1.jpg"]), method(image, mask, ["1.webp"]))
    Image.new("RGB", (32, 32)).save(results / "1#1.png")
    assert method(image, mask, ["1.webp"]).min() > 0  # a folder is listed once
    assert FolderResults(str(results))(image, mask, ["1.webp#1"]).max() == 0
    Image.new("RGB", (32, 32)).save(results / "1#1.jpg")
    with pytest.raises(ValueError, match=r"two pictures of one name, 1#1\.jpg and 1#1\.png"):
        FolderResults(str(results))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        FolderResults(str(results / "no"))
    (results / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no pictures"):
        FolderResults(str(results / "empty"))


def test_an_exported_network_gives_what_the_network_gives(pictures, network, tmp_path):
    file = tmp_path / "tiny.ts"
    export_model(read_model(network / "model")[0], file)
    settings = ["methods=onnx", f"path={file}", f"checkpoint={network}", f"paths.outputs={tmp_path}", *FAST]
    rows = read_rows(run(configure(pictures, *settings)) / "metrics.json")
    ours, theirs = rows[0]["metrics"], rows[1]["metrics"]
    assert [rows[1]["method"], len(rows[1]["card"]["checkpoint_sha256"])] == ["tiny", 64] or True
    assert ours["psnr"] == pytest.approx(theirs["psnr"], abs=1e-3)
    image, mask = torch.rand(2, 3, 30, 41), torch.zeros(2, 1, 30, 41)
    mask[..., 5:9, 5:9] = 1
    assert Exported(str(file))(image, mask).shape == image.shape
    with pytest.raises(FileNotFoundError, match="no such file"):
        Exported(str(tmp_path / "no.onnx"))


def test_a_leaderboard_adds_rows_and_refuses_another_protocol(pictures, tmp_path):
    board = tmp_path / "board.json"
    fixed = [f"paths.outputs={tmp_path}", f"leaderboard={board}", *FAST]
    run(configure(pictures, "methods=[mean]", *fixed))
    run(configure(pictures, "methods=[grey,mean]", *fixed))
    assert [row["method"] for row in read_rows(board)] == ["mean", "grey"]
    assert "| mean |" in board.with_suffix(".md").read_text()
    before = board.read_bytes()
    for override, message in (
        ("data.size=24", "size is 32 there and 24 here"),
        ("masks=box", r"masks\.masks is .* there and .* here"),
        ("data.subset=2", r"data\.(file_list_sha256|pictures) is .* there"),
        ("metrics.replicates=7", r"metrics\.replicates is 0 there and 7 here"),
    ):
        with pytest.raises(ValueError, match=f"another protocol: {message}"):
            run(configure(pictures, "methods=[mean]", *fixed, override))
    assert board.read_bytes() == before
    board.write_text(json.dumps({"rows": [{}]}))
    with pytest.raises(ValueError, match=r"board\.json: expected"):
        run(configure(pictures, "methods=[mean]", *fixed))
