"""Objects under points: any ONNX encoder and decoder of the kind of Segment Anything (Kirillov et al., 2023).

The contract is that of its exported files. The encoder sees a picture whose longer side has the input's size,
normalised, zeros right and below, and gives `image_embeddings`. The decoder takes them with `point_coords` in
the encoder's pixels and `point_labels`, and gives `masks` as logits, of the size `orig_im_size` where it
takes that, else of any, and `iou_predictions`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from latent_inpaint.extras import needed_by
from latent_inpaint.pictures import Pixels

MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's pixels, of 255, by which the encoder's input is normalised."""
SIDE, LOW_SIDE = 1024, 256
_KEPT = 2


class Point(NamedTuple):
    """A place in a picture, in pixels from its upper left corner; inside the object, or outside of it."""

    x: float
    y: float
    inside: bool = True


class Segmenter:
    """An encoder and a decoder; the embeddings of the last pictures are kept, since points come one by one.

    Args:
        encoder: ONNX file: a picture `[1, 3, S, S]` → `image_embeddings`.
        decoder: ONNX file: embeddings and points → `masks`, `iou_predictions`.

    Raises:
        ImportError: onnxruntime is missing (extra `segment`).
        FileNotFoundError: a file is not there.
        ValueError: a file is no ONNX network of this kind.
    """

    def __init__(self, encoder: str | Path, decoder: str | Path) -> None:
        self._encoder, self._decoder = _session(encoder), _session(decoder)
        (entry,) = self._encoder.get_inputs()[:1]
        if len(entry.shape) != 4 or (isinstance(entry.shape[1], int) and entry.shape[1] != 3):
            raise ValueError(f"{encoder}: an encoder takes pictures [1, 3, S, S], got {entry.shape}")
        self._input = entry.name
        self.side = next((size for size in entry.shape[2:] if isinstance(size, int)), SIDE)
        self._asked = {entry.name for entry in self._decoder.get_inputs()}
        if missing := {"image_embeddings", "point_coords", "point_labels"} - self._asked:
            raise ValueError(f"{decoder}: a decoder takes {', '.join(sorted(missing))}, too")
        self._gives = [entry.name for entry in self._decoder.get_outputs()]
        if "masks" not in self._gives:
            raise ValueError(f"{decoder}: a decoder gives masks, got {', '.join(self._gives)}")
        self._known: OrderedDict[str, Pixels] = OrderedDict()
        self._lock = Lock()

    def object_at(self, picture: Pixels, points: Sequence[Point]) -> Pixels:
        """The object under the points, bool `[H, W]`.

        Args:
            picture: uint8 `[H, W, 3]`.
            points: at least one.

        Raises:
            ValueError: no point, one outside of the picture, or networks that do not fit each other.
        """
        height, width = picture.shape[:2]
        if not points:
            raise ValueError("points: at least one is needed")
        for point in points:
            if not (0 <= point.x <= width and 0 <= point.y <= height):
                raise ValueError(f"points: ({point.x:g}, {point.y:g}) is outside of {width}×{height}")
        scale = self.side / max(height, width)
        try:
            embeddings = self._embeddings(picture, scale)
            outputs = self._decoder.run(
                None, self._decoder_inputs(embeddings, points, scale, (height, width))
            )
        except Exception as error:  # whatever onnxruntime raises of a network of another kind
            raise ValueError(f"segment: the networks do not fit: {_first_line(error)}") from error
        found = dict(zip(self._gives, outputs))
        masks = found["masks"][0]
        scores = found.get("iou_predictions")
        best = 0 if scores is None else int(np.argmax(scores[0]))
        return _of_size(masks[best], (height, width)) > 0

    def _embeddings(self, picture: Pixels, scale: float) -> Pixels:
        name = hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()
        with self._lock:
            if name not in self._known:
                (self._known[name],) = self._encoder.run(None, {self._input: self._seen(picture, scale)})[:1]
            self._known.move_to_end(name)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return self._known[name]

    def _seen(self, picture: Pixels, scale: float) -> Pixels:
        """`[1, 3, S, S]`: reduced or enlarged, normalised, zeros right and below."""
        height, width = (max(1, round(size * scale)) for size in picture.shape[:2])
        small = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
        seen = np.zeros((1, 3, self.side, self.side), np.float32)
        seen[0, :, :height, :width] = ((small - np.array(MEAN)) / np.array(DEVIATION)).transpose(2, 0, 1)
        return seen

    def _decoder_inputs(
        self, embeddings: Pixels, points: Sequence[Point], scale: float, size: tuple[int, int]
    ) -> dict[str, Pixels]:
        """With the point (0, 0) of label −1 that stands for "no box"."""
        places = [[point.x * scale, point.y * scale] for point in points]
        labels = [float(point.inside) for point in points]
        given = {
            "image_embeddings": embeddings,
            "point_coords": np.array([[*places, [0.0, 0.0]]], np.float32),
            "point_labels": np.array([[*labels, -1.0]], np.float32),
            "mask_input": np.zeros((1, 1, LOW_SIDE, LOW_SIDE), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array(size, np.float32),
        }
        return {name: value for name, value in given.items() if name in self._asked}


def _of_size(logits: Pixels, size: tuple[int, int]) -> Pixels:
    """Logits of the picture's size; of another, they are those of the square that the encoder saw."""
    if logits.shape == size:
        return logits
    rows, columns = logits.shape
    longer = max(size)
    part = logits[: max(1, round(rows * size[0] / longer)), : max(1, round(columns * size[1] / longer))]
    enlarged = Image.fromarray(part.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(enlarged)


def _session(path: str | Path) -> Any:
    with needed_by("point selection", "segment"):
        import onnxruntime
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # a damaged file
        raise ValueError(f"{path}: no ONNX network: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
