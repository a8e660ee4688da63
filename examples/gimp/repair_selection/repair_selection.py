#!/usr/bin/env python3
"""GIMP 3: Filters → Enhance → Repair selection. A running `latent-inpaint serve` fills what is selected.

The result comes as a layer of its own above the others, with the selection as its mask: nothing below
changes.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import client
import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, Gio, GLib, GObject  # noqa: E402  # after the versions are said

NAME = "latent-inpaint-repair"
WRITABLE = GObject.ParamFlags.READWRITE


class Repair(Gimp.PlugIn):
    """The plug-in: one procedure."""

    def do_query_procedures(self):
        """Its name."""
        return [NAME]

    def do_set_i18n(self, name):
        """No translations."""
        return False

    def do_create_procedure(self, name):
        """Where it is in the menus, and what it asks for."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_menu_label("_Repair selection…")
        procedure.add_menu_path("<Image>/Filters/Enhance/")
        procedure.set_documentation("Fill what is selected", "By a running latent-inpaint serve", name)
        procedure.set_attribution("latent_inpaint", "latent_inpaint", "2026")
        procedure.add_string_argument(
            "address", "_Service", "Address of the service", client.ADDRESS, WRITABLE
        )
        procedure.add_string_argument("token", "_Token", "If the service asks for one", "", WRITABLE)
        procedure.add_string_argument(
            "model", "_Network", "One that the service has; empty: its own", "", WRITABLE
        )
        procedure.add_int_argument("dilate", "_Grow", "Pixels around the selection", 0, 200, 2, WRITABLE)
        return procedure


def run(procedure, run_mode, image, drawables, config, data):
    """Ask, send picture and selection, put the result in as a layer."""
    if Gimp.Selection.is_empty(image):
        return failed(procedure, "Nothing is selected: select what should go.")
    if run_mode == Gimp.RunMode.INTERACTIVE:
        GimpUi.init(NAME)
        dialog = GimpUi.ProcedureDialog.new(procedure, config, "Repair selection")
        dialog.fill(None)
        if not dialog.run():
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    options = {"dilate": config.get_property("dilate")}
    if config.get_property("model"):
        options["model"] = config.get_property("model")
    Gimp.progress_init("Repairing…")
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, f"{name}.png") for name in ("picture", "mask", "repaired")}
        save_picture(image, paths["picture"])
        save_selection(image, paths["mask"])
        try:
            repaired = client.repair(
                read(paths["picture"]),
                read(paths["mask"]),
                config.get_property("address"),
                config.get_property("token"),
                options,
            )
        except client.ServiceError as error:
            return failed(procedure, str(error))
        with open(paths["repaired"], "wb") as file:
            file.write(repaired)
        add_layer(image, paths["repaired"], options["dilate"])
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def save_picture(image, path):
    """What is seen, flattened, as PNG."""
    copy = image.duplicate()
    copy.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, copy, Gio.File.new_for_path(path), None)
    copy.delete()


def save_selection(image, path):
    """The selection as a grey PNG of the image's size, white is selected."""
    copy = Gimp.Image.new(image.get_width(), image.get_height(), Gimp.ImageBaseType.GRAY)
    channel = Gimp.Selection.save(image)
    layer = Gimp.Layer.new_from_drawable(channel, copy)
    layer.set_visible(True)
    copy.insert_layer(layer, None, 0)
    image.remove_channel(channel)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, copy, Gio.File.new_for_path(path), None)
    copy.delete()


def add_layer(image, path, grown):
    """The repaired picture above all layers, seen where the selection, grown as the hole was, is."""
    image.undo_group_start()
    layer = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(path))
    layer.set_name("Repaired")
    image.insert_layer(layer, None, 0)
    if grown:
        Gimp.Selection.grow(image, grown)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    image.undo_group_end()
    Gimp.displays_flush()


def read(path):
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def failed(procedure, message):
    """The answer of a run that ends with a message."""
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), message, 0)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)


if __name__ == "__main__":
    Gimp.main(Repair.__gtype__, sys.argv)
