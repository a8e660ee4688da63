"""What Pillow would decode wrongly, or in part, seen in the header: TIFF has more kinds than it knows."""

from __future__ import annotations

from PIL import Image

_PHOTOMETRIC, _COMPRESSION, _BITS, _PLANAR, _EXTRA, _FORMAT, _SUBSAMPLING = 262, 259, 258, 284, 338, 339, 530
_WHITE_IS_ZERO, _YCBCR = 0, 6
_NO_COMPRESSION, _SEPARATE_PLANES, _PREMULTIPLIED, _SIGNED = 1, 2, 1, 2
_KNOWN_BITS = (1, 2, 4, 8, 16, 32)
_MAIN_CHANNELS = {2: 3, 5: 4, 6: 3, 8: 3}  # RGB, CMYK, YCbCr, Lab; grey and palettes have one


def tiff_notes(image: Image.Image, name: str) -> list[str]:
    """What of a TIFF that is not decoded yet will be changed; nothing for other formats.

    Raises:
        ValueError: a kind that Pillow decodes wrongly.
    """
    if image.format != "TIFF":
        return []
    tags = image.tag_v2  # type: ignore[attr-defined]
    bits, separate = tags.get(_BITS, (1,)), tags.get(_PLANAR, 1) == _SEPARATE_PLANES
    is_raw, photometric = tags.get(_COMPRESSION, 1) == _NO_COMPRESSION, tags.get(_PHOTOMETRIC, 0)
    wrong = (
        (not set(bits) <= set(_KNOWN_BITS), f"of {max(bits)} bits"),
        (set(tags.get(_FORMAT, (1,))) == {_SIGNED} and max(bits) == 8, "of signed 8-bit values"),
        (separate and len(bits) > 1 and is_raw and max(bits) > 8, f"of separate planes of {max(bits)} bits"),
        (separate and image.mode == "LA", "of separate planes of grey and alpha"),
        (
            photometric == _YCBCR and is_raw and tuple(tags.get(_SUBSAMPLING, (2, 2))) != (1, 1),
            "of subsampled YCbCr without compression",
        ),
    )
    kind = next((kind for is_so, kind in wrong if is_so), None)
    if kind is not None:
        raise ValueError(f"{name}: a TIFF {kind} is not read; convert it to 8 or 16 bits, such as a PNG")
    notes = []
    if tuple(tags.get(_EXTRA, ()))[:1] == (_PREMULTIPLIED,):
        notes.append("its premultiplied alpha is made straight, which rounds the colours below it")
    n_more = len(bits) - max(len(image.getbands()), _MAIN_CHANNELS.get(photometric, 1))
    if n_more > 0:
        notes.append(f"{n_more} of its {len(bits)} channels are neither colour nor alpha: dropped")
    return notes


def is_white_zero(image: Image.Image) -> bool:
    """Whether 0 is white in 16-bit grey, which Pillow turns round for 8 bits only."""
    if image.format != "TIFF" or not image.mode.startswith("I;16"):
        return False
    return image.tag_v2.get(_PHOTOMETRIC, 0) == _WHITE_IS_ZERO  # type: ignore[attr-defined]


def depth_notes(image: Image.Image) -> list[str]:
    """Whether a picture that is not decoded yet has more bits per colour than Pillow keeps."""
    if image.mode.startswith("I") or not any("16" in mode for mode in raw_modes(image)):
        return []
    kind = "grey with alpha" if raw_modes(image) == ["LA;16B"] else "colour"
    return [f"16-bit {kind} is read as 8-bit"]


def raw_modes(image: Image.Image) -> list[str]:
    """How the tiles of a picture that is not decoded yet are stored, in Pillow's words."""
    described = [tile[3] for tile in getattr(image, "tile", ())]  # a raw mode, or a tuple that begins with it
    return [str(entry[0] if isinstance(entry, tuple) and entry else entry) for entry in described]
