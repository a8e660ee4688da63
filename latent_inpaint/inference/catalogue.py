"""What `latent_inpaint.load` takes by name, with what each is good for, and what of it is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from latent_inpaint import registry
from latent_inpaint.inference.loading import BOX, FAST, QUALITY, READERS
from latent_inpaint.models.classical import CLASSICAL, installed


@dataclass(frozen=True)
class Named:
    """A network or a file of weights that has a name.

    Attributes:
        name: what is given to `load`, `--model`, `checkpoint=`.
        about: what it is, and is good for.
        licence: of the weights, or of the library.
        here: whether it can be used without fetching or installing anything.
        network: whether `load` makes an inpainter of it.
        size: bytes of its file, where known.
        file: where the file is.
        must_accept: its licence has to be accepted before it is fetched.
    """

    name: str
    about: str
    licence: str
    here: bool
    network: bool = True
    size: int | None = None
    file: Path | None = None
    must_accept: bool = False


_CLASSICAL = {
    "patchmatch": ("texture copied from around the hole: grass, walls, foliage; some seconds", "MIT"),
    "telea": ("scratches, specks and wires a few pixels wide; at once", "Apache-2.0"),
    "navier_stokes": ("scratches, specks and wires a few pixels wide; at once", "Apache-2.0"),
}


def catalogue() -> dict[str, Named]:
    """Everything by name: the package's networks, the methods without weights, the registry.

    Raises:
        FileNotFoundError: see `registry.entries`.
        ValueError: see `registry.entries`.
    """
    box = sorted(BOX.glob("*.safetensors"))
    size = sum(path.stat().st_size for path in box) or None
    ours = partial(Named, licence="Apache-2.0", here=bool(box), size=size, file=BOX if box else None)
    named = [
        ours(QUALITY, "the package's network with texture copied: the default"),
        ours(FAST, "the package's network alone: smooth fills, quick"),
    ]
    there = installed()
    for name in CLASSICAL:
        about, licence = _CLASSICAL[name]
        named.append(Named(name, about, licence, name in there))
    for one in registry.entries().values():
        file = one.find()
        size = one.size or (file.stat().st_size if file else None)
        about = one.about if one.importer else f"weights for {one.about}"
        network = one.importer in READERS
        named.append(
            Named(one.name, about, one.licence, file is not None, network, size, file, one.must_accept)
        )
    return {one.name: one for one in named}
