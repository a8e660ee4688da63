"""The metric card: what one must know to compare a number with another."""

from __future__ import annotations

import hashlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from latent_inpaint.files import sha256_of

LIBRARIES = (
    "latent_inpaint",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pillow",
    "opencv-python-headless",
    "torchmetrics",
    "torch-fidelity",
    "lpips",
    "pypatchmatch",
)


def library_versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Versions of Python and of the installed libraries that the numbers depend on."""
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def commit() -> str | None:
    """Commit of the source tree, "+changes" where tracked files differ; None for an installed package."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        name = _git(folder, "rev-parse", "HEAD")
        return name + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def command() -> str:
    """The command line of this process, ready to be repeated."""
    program, *arguments = sys.argv
    if program.startswith("latent-inpaint"):
        return f"{program} {shlex.join(arguments)}"
    return shlex.join(["python", program, *arguments])


def source_sha256(source: str | Path) -> str:
    """SHA-256 of a checkpoint: of the file, or of the names and contents of a folder's files.

    Args:
        source: a file, or a model, run or LaMa folder.

    Raises:
        FileNotFoundError: nothing is there, or a folder without any weights.
    """
    source = Path(source)
    if source.is_file():
        return sha256_of(source)
    folder = source / "model" if (source / "model").is_dir() else source
    kinds = (".safetensors", ".json", ".ckpt", ".yaml", ".pt", ".pth")
    files = sorted(p for p in folder.rglob("*") if p.suffix in kinds) if folder.is_dir() else []
    if not files:
        raise FileNotFoundError(f"{source}: no checkpoint file, and no folder with one")
    parts = "".join(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n" for path in files)
    return hashlib.sha256(parts.encode()).hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, timeout=10
    )
    return result.stdout.strip()
