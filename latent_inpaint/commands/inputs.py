"""What can be said of a command's files before torch is imported, which takes seconds."""

from __future__ import annotations

import os
from argparse import Namespace
from glob import has_magic
from pathlib import Path

from latent_inpaint.commands.models import use_registry


def check_inputs(options: Namespace) -> None:
    """Refuse pictures, masks, folders and models that are not there, and files that are no pictures.

    Raises:
        FileNotFoundError: names what is not there.
        ValueError: names the file that is no picture.
    """
    use_registry(options)
    if options.command in ("predict", "refine", "watch"):
        _check_pictures(options)
    models = getattr(options, "model", None) or []
    for model in models if isinstance(models, list) else [models]:
        is_path = os.sep in model and ":" not in model.partition(os.sep)[0]  # else a name
        if is_path and not Path(model).expanduser().exists():
            raise FileNotFoundError(f"{model}: no such file or folder")


def _check_pictures(options: Namespace) -> None:
    given = {name for name in ("image", "mask", "images", "masks") if getattr(options, name) is not None}
    pictures, masks = given & {"image", "images"}, given & {"mask", "masks"}
    if options.mask_from_alpha and masks:
        options.refuse("--mask-from-alpha takes the hole from the picture: give no mask")
    is_marked = options.mask_from_alpha or options.expand is not None
    if len(pictures) != 1 or len(masks) > 1 or not (masks or is_marked) or given == {"image", "masks"}:
        options.refuse(
            "give either --image and --mask, or --images and --masks (or --mask, for all); in place of a "
            "mask --mask-from-alpha or --expand"
        )
    from latent_inpaint.inference.files import SAVE_OPTIONS, check_folder
    from latent_inpaint.pictures.opening import open_picture

    for picture in (options.image, options.mask):
        if picture is not None:
            open_picture(picture).close()
    if options.image is not None and options.output.suffix.lower() in SAVE_OPTIONS:
        check_folder(options.output.parent)
    is_list = options.command != "watch" and (str(options.images) == "-" or has_magic(str(options.images)))
    for folder in (None if is_list else options.images, options.masks):
        if folder is not None and not folder.exists():
            raise FileNotFoundError(f"{folder}: no such folder")
    if options.images is not None and options.output.exists():
        check_folder(options.output)
