"""Puts conf/ and masks/, which lie in the repository's root, into the wheel; all else is in setup.cfg."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
FOLDERS = ("conf", "masks")


class BuildWithFolders(build_py):
    """An editable install uses the root's folders: see `latent_inpaint.resources`."""

    def run(self) -> None:
        """Build, then copy the folders."""
        super().run()
        if self.editable_mode:
            return
        for folder in FOLDERS:
            copy = Path(self.build_lib) / "latent_inpaint" / folder
            shutil.rmtree(copy, ignore_errors=True)  # of an earlier build
            shutil.copytree(ROOT / folder, copy)


setup(cmdclass={"build_py": BuildWithFolders})
