"""The object under a point, with a stand-in of Segment Anything's contract."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra segment")
pytest.importorskip("onnx", reason="makes the networks")

from tiny_segmenter import save_decoder, save_encoder

from latent_inpaint.inference.segmenting import MEAN, Point, Segmenter


def scene(height=48, width=64):
    """A red disc and a blue box on grey, and where they are."""
    picture = np.full((height, width, 3), 120, np.uint8)
    rows, columns = np.mgrid[:height, :width]
    disc = (rows - height / 4) ** 2 + (columns - width / 4) ** 2 < (height / 6) ** 2
    box = (rows >= height // 2) & (columns >= width // 2)
    picture[disc], picture[box] = (200, 20, 20), (20, 20, 200)
    return picture, disc, box


@pytest.fixture
def segmenter(tmp_path):
    return Segmenter(save_encoder(tmp_path / "encoder.onnx"), save_decoder(tmp_path / "decoder.onnx"))


def overlap(found, expected):
    return (found & expected).sum() / (found | expected).sum()


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (96, 128), (60, 120)])
def test_the_object_under_the_point_of_a_picture_of_any_size(segmenter, size):
    """The stand-in sees 64×64: of larger pictures edges are a few pixels off."""
    picture, disc, box = scene(*size)
    height, width = size
    for place, expected in (((width / 4, height / 4), disc), ((width * 0.9, height * 0.9), box)):
        found = segmenter.object_at(picture, [Point(*place)])
        assert found.shape == size and found.dtype == bool
        assert overlap(found, expected) > (0.99 if max(size) == 64 else 0.6)
        assert overlap(found, ~expected) < 0.05


def test_the_better_of_several_masks_is_taken_and_the_pictures_size_is_told(tmp_path):
    picture, disc, _ = scene(64, 64)
    encoder = save_encoder(tmp_path / "encoder.onnx")
    found = [
        Segmenter(encoder, save_decoder(tmp_path / "decoder.onnx", scores, sized=True)).object_at(
            picture, [Point(16, 16)]
        )
        for scores in ((0.9, 0.1), (0.1, 0.9))
    ]
    assert np.array_equal(found[0], disc) and np.array_equal(found[1], ~disc)


def test_a_picture_is_encoded_once(segmenter, monkeypatch):
    asked, run = [], segmenter._encoder.run
    encoder = type("Counting", (), {"run": lambda self, *args: asked.append(1) or run(*args)})()
    monkeypatch.setattr(segmenter, "_encoder", encoder)
    pictures = [scene()[0], scene(40, 64)[0], scene(32, 64)[0]]
    for picture in (pictures[0], pictures[0], pictures[1], pictures[0], pictures[2], pictures[1]):
        segmenter.object_at(picture, [Point(2, 2)])
    assert len(asked) == 4  # the last two are kept


def test_the_encoder_sees_normalised_pixels_from_the_corner(segmenter):
    seen = segmenter._seen(np.full((10, 20, 3), 255, np.uint8), 64 / 20)
    assert seen.shape == (1, 3, 64, 64) and (seen[0, :, 32:] == 0).all()
    np.testing.assert_allclose(seen[0, 0, :32], (255 - MEAN[0]) / 58.395, rtol=1e-5)


def test_what_does_not_fit_is_said(tmp_path, segmenter):
    encoder, decoder = tmp_path / "encoder.onnx", tmp_path / "decoder.onnx"
    picture = scene()[0]
    for points, message in (
        ([], "at least one"),
        ([Point(65, 3)], r"\(65, 3\) is outside of 64×48"),
        ([Point(float("nan"), 3)], "outside"),
    ):
        with pytest.raises(ValueError, match=f"points: .*{message}"):
            segmenter.object_at(picture, points)
    with pytest.raises(FileNotFoundError, match=r"no\.onnx: no such file"):
        Segmenter(tmp_path / "no.onnx", decoder)
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad\.onnx: no ONNX network"):
        Segmenter(tmp_path / "bad.onnx", decoder)
    with pytest.raises(ValueError, match="a decoder takes image_embeddings, point_coords, point_labels, too"):
        Segmenter(encoder, encoder)
    with pytest.raises(ValueError, match=r"an encoder takes pictures \[1, 3, S, S\]"):
        Segmenter(save_encoder(tmp_path / "four.onnx", channels=4), decoder)
