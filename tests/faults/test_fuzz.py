"""Damaged files of every kind: an error that the project documents, soon, in little memory; no code runs."""

import faulthandler
import io
import json
import multiprocessing
import os
import pickle
import random
import re
import resource
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import latent_inpaint
from latent_inpaint.data.crops import Crop
from latent_inpaint.data.frozen import FrozenMasks
from latent_inpaint.data.listing import read_file_list
from latent_inpaint.data.mask_folders import FolderMasks, LabelMasks
from latent_inpaint.data.mask_sources import NoMaskError
from latent_inpaint.data.photos import UnreadablePicture, read_picture
from latent_inpaint.data.shard_index import find_shards
from latent_inpaint.evaluation.files import read_rows
from latent_inpaint.inference import files
from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, MaskControl, save_model
from latent_inpaint.models.parts import describe

ROOT = Path(__file__).parents[2]
LAMA = ROOT / "tests" / "fixtures" / "lama_tiny"
SECONDS, MIB = 120, 1024  # at most, for one file, and above what the process has at the start
NUMBERS = (b"0", b"-1", b"1e999", b"99999999", b"2147483648", b"0.5", b"null", b"[]", b'"x"', b"NaN", b"true")


class Harmful:
    def __reduce__(self):
        return (os.mkdir, ("code-was-run",))


def mutate(content, rng):
    """One to four changes of bytes, or of the numbers in a text."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        size = max(1, len(content))
        at, length = rng.randrange(size), min(rng.choice((1, 2, 4, 64, 1024)), size)
        kind = rng.randrange(7)
        if kind == 0:
            content[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1 and content:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del content[at : at + length]
        elif kind == 3:
            del content[at:]
        elif kind == 4:
            content[at:at] = rng.randbytes(length)
        elif kind == 5:
            content[at:at] = content[at : at + length]
        else:
            found = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(content[:100_000])))
            if found:
                start, end = rng.choice(found).span()
                content[start:end] = rng.choice(NUMBERS)
    return bytes(content)


def mutate_archive(content, rng):
    """A zip file whose pickle (mostly) is damaged, or harmful; its checksums are right."""
    if rng.random() < 0.3 or not zipfile.is_zipfile(io.BytesIO(content)):
        return mutate(content, rng)
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith(".pkl"):
                part = (
                    pickle.dumps(Harmful(), rng.choice((0, 2, 4)))
                    if rng.random() < 0.1
                    else mutate(part, rng)
                )
            new.writestr(name, part)
    return result.getvalue()


def network():
    encoder = Encoder(2, 2)
    return LatentInpainter(
        encoder, FFCRefiner(8, n_blocks=1), Decoder(2, 2), MaskControl(encoder.stage_channels)
    )


def pictures():
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    grey = Image.fromarray(rng.integers(0, 65536, (24, 20), dtype=np.uint16))
    kinds = [("a.jpg", rgb), ("a.png", rgb.quantize(16)), ("a.webp", rgb), ("b.png", grey)]
    kinds += [("c.png", rgb.convert("RGBA"))]
    for name, image in kinds:
        stream = io.BytesIO()
        image.save(stream, {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[Path(name).suffix])
        yield name, stream.getvalue()


def pictures_to_repair():
    """All kinds of pictures, some of several frames."""
    found = dict(pictures())
    frames = [Image.effect_noise((24, 20), 50 + index) for index in range(3)]
    for name, form in (("d.gif", "GIF"), ("d.tif", "TIFF")):
        stream = io.BytesIO()
        frames[0].save(stream, form, save_all=True, append_images=frames[1:])
        found[name] = stream.getvalue()
    return found


def checkpoint():
    model, stream = network(), io.BytesIO()
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": state, "model_description": describe(model), "global_step": 1}, stream)
    return stream.getvalue()


def model_folder(folder):
    save_model(network(), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def as_mask(path):
    crop = Crop.of((24, 20), 16)
    FolderMasks(str(path.parent), 128, True).mask(0, "picture.jpg", crop)
    LabelMasks(str(path.parent)).mask(0, "picture.jpg", crop)


DOCUMENTED = (ValueError, FileNotFoundError)
# Kind → (a function that makes {name: content}, which of them is damaged, how, the loader, what it may raise)
KINDS = {
    "picture": (lambda _: dict(pictures()), None, mutate, read_picture, UnreadablePicture),
    "reduced picture": (
        lambda _: dict(pictures()), None, mutate, lambda path: read_picture(path, 8), UnreadablePicture,
    ),
    "picture to repair": (lambda _: pictures_to_repair(), None, mutate, files.read_picture, ValueError),
    "mask to repair": (lambda _: pictures_to_repair(), None, mutate, files.read_mask, ValueError),
    "mask": (
        lambda _: {"picture_mask.png": dict(pictures())["b.png"]}, None, mutate, as_mask,
        (ValueError, NoMaskError),
    ),
    "checkpoint": (
        lambda _: {"last.ckpt": checkpoint()}, None, mutate_archive, latent_inpaint.load, DOCUMENTED,
    ),
    "weights": (
        model_folder, "model.safetensors", mutate, lambda path: latent_inpaint.load(path.parent), DOCUMENTED,
    ),
    "description": (
        model_folder, "config.json", mutate, lambda path: latent_inpaint.load(path.parent), DOCUMENTED,
    ),
    "LaMa's checkpoint": (
        lambda _: {path.name: path.read_bytes() for path in LAMA.iterdir()}, "best.ckpt", mutate_archive,
        lambda path: latent_inpaint.load(path.parent), DOCUMENTED,
    ),
    "LaMa's configuration": (
        lambda _: {path.name: path.read_bytes() for path in LAMA.iterdir()}, "config.yaml", mutate,
        lambda path: latent_inpaint.load(path.parent), DOCUMENTED,
    ),
    "mask manifest": (
        lambda _: {"thick.json": (ROOT / "masks" / "thick_256.json").read_bytes()}, None, mutate,
        lambda path: FrozenMasks(str(path)), DOCUMENTED,
    ),
    "shard index": (
        lambda _: {
            "shard-000000.tar": b"",
            "index.json": json.dumps(
                {"shards": [{"name": "shard-000000.tar", "pictures": 3, "sha256": "ab"}]}
            ).encode(),
        },
        "index.json", mutate, lambda path: find_shards(str(path.parent)), DOCUMENTED,
    ),
    "file list": (
        lambda _: {"a.jpg": b"", "list.txt": b"a.jpg 0\n/a.jpg 12\n"}, "list.txt", mutate,
        lambda path: read_file_list(path, path.parent), DOCUMENTED,
    ),
    "table of metrics": (
        lambda _: {"metrics.json": b'{"rows": [{"method": "x", "metrics": {"ssim": 0.5}, "card": {}}]}'},
        None, mutate, read_rows, DOCUMENTED,
    ),
}  # fmt: skip


def fuzz(kind, count, folder):
    """Load `count` damaged files; return a line for each that went wrong."""
    make, target, change, load, documented = KINDS[kind]
    seeds = make(folder / "seed")
    work = folder / "work"
    work.mkdir()
    os.chdir(folder)
    for name, content in seeds.items():
        (work / name).write_bytes(content)
    problems, rng = [], random.Random(kind)
    for number in range(count):
        name = target or rng.choice(sorted(seeds))
        (work / name).write_bytes(change(seeds[name], rng))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            load(work / name)
        except documented as error:
            if not str(error).strip():
                problems.append(f"{kind} {number}: no message")
        except BaseException as error:
            shutil.copy(work / name, folder / f"{number}-{name}")
            problems.append(f"{kind} {number}: {type(error).__name__}: {str(error)[:200]}")
        faulthandler.cancel_dump_traceback_later()
        (work / name).write_bytes(seeds[name])
    if (folder / "code-was-run").exists() or (work / "code-was-run").exists():
        problems.append(f"{kind}: code was run")
    return problems


def in_a_process(kind, count, folder, results):
    warnings.simplefilter("ignore")
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problems = fuzz(kind, count, folder)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
    if grown > MIB:
        problems.append(f"{kind}: {grown:.0f} MiB of memory")
    results.put(problems)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_50_damaged_files(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fuzz(kind, 50, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_2000_damaged_files(kind, tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    process = context.Process(target=in_a_process, args=(kind, 2000, tmp_path, results))
    process.start()
    process.join(timeout=1200)
    assert process.exitcode == 0, (
        f"{kind}: ended with {process.exitcode} (a crash, or {SECONDS} s for one file)"
    )
    assert results.get() == []
