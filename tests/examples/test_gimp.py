"""The GIMP plug-in: its client against a running service, the rest under a stand-in of GIMP's interface."""

import importlib.util
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from served import served

pytest.importorskip("fastapi", reason="needs the extra serve")

PLUG_IN = Path(__file__).parents[2] / "examples" / "gimp" / "repair_selection"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served"), "--model=fast") as running:
        yield running.address


@pytest.fixture(scope="module")
def client():
    before = list(sys.path)
    sys.path.insert(0, str(PLUG_IN))
    import client

    yield client
    sys.path[:] = before
    sys.modules.pop("client")


def scene():
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8))
    hole = np.zeros((48, 64), np.uint8)
    hole[16:30, 20:40] = 255
    return np.asarray(small.resize((64, 48), Image.Resampling.BICUBIC)), hole


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_the_client_repairs(client, service):
    picture, hole = scene()
    result = np.asarray(Image.open(io.BytesIO(client.repair(png(picture), png(hole), service))))
    changed = (result != picture).any(axis=2)
    assert not changed[hole == 0].any() and changed[hole > 0].mean() > 0.9


def test_what_goes_wrong_is_said(client, service):
    picture, hole = scene()
    for address, message in (
        ("http://127.0.0.1:9", "No service at http://127.0.0.1:9 .*latent-inpaint serve"),
        ("file:///etc/passwd", "expected an address such as"),
        (service, "The service refuses: dilate"),
    ):
        with pytest.raises(client.ServiceError, match=message):
            client.repair(png(picture), png(hole), address, options={"dilate": -1})
    with pytest.raises(client.ServiceError, match="refuses: .*size"):
        client.repair(png(picture), png(hole[:20]), service)


class Drawable:
    """A layer, channel or mask: an array and what was done to it."""

    def __init__(self, pixels):
        self.pixels, self.name, self.mask, self.visible = pixels, "", None, False

    def set_name(self, name):
        self.name = name

    def set_visible(self, is_visible):
        self.visible = is_visible

    def create_mask(self, kind):
        assert kind == "SELECTION"
        return Drawable(FakeGimp.image.selection.copy())

    def add_mask(self, mask):
        self.mask = mask


class FakeImage:
    def __init__(self, width, height, base):
        self.width, self.height, self.layers, self.channels = width, height, [], []
        self.base, self.selection, self.deleted, self.open_groups = (
            base,
            np.zeros((height, width), bool),
            False,
            0,
        )

    def get_width(self):
        return self.width

    def get_height(self):
        return self.height

    def duplicate(self):
        copy = FakeImage(self.width, self.height, self.base)
        copy.layers = [Drawable(layer.pixels.copy()) for layer in self.layers]
        return copy

    def merge_visible_layers(self, kind):
        assert kind == "CLIP_TO_IMAGE"
        self.layers = self.layers[:1]

    def insert_layer(self, layer, parent, position):
        assert parent is None
        self.layers.insert(position, layer)

    def remove_channel(self, channel):
        self.channels.remove(channel)

    def delete(self):
        self.deleted = True

    def undo_group_start(self):
        self.open_groups += 1

    def undo_group_end(self):
        self.open_groups -= 1


class FakeGimp:
    """As much of GIMP 3's interface as the plug-in calls."""

    image = None
    PlugIn = type("PlugIn", (), {"error_quark": staticmethod(lambda: 0)})
    RunMode = SimpleNamespace(INTERACTIVE="interactive", NONINTERACTIVE="noninteractive")
    MergeType = SimpleNamespace(CLIP_TO_IMAGE="CLIP_TO_IMAGE")
    AddMaskType = SimpleNamespace(SELECTION="SELECTION")
    ImageBaseType = SimpleNamespace(GRAY="GRAY", RGB="RGB")
    PDBProcType = SimpleNamespace(PLUGIN="plugin")
    PDBStatusType = SimpleNamespace(SUCCESS="success", EXECUTION_ERROR="error", CANCEL="cancel")
    Image = SimpleNamespace(new=FakeImage)
    Layer = SimpleNamespace(new_from_drawable=lambda drawable, image: Drawable(drawable.pixels))
    progress_init = displays_flush = staticmethod(lambda *_: None)

    class Selection:
        @staticmethod
        def is_empty(image):
            return not image.selection.any()

        @staticmethod
        def save(image):
            image.channels.append(Drawable(np.uint8(255) * image.selection))
            return image.channels[-1]

        @staticmethod
        def grow(image, pixels):
            for axis in (0, 1):
                shifted = [np.roll(image.selection, step, axis) for step in range(-pixels, pixels + 1)]
                image.selection = np.any(shifted, axis=0)

    class ImageProcedure:
        """Takes every setter; keeps the arguments."""

        @classmethod
        def new(cls, plug_in, name, kind, run, data):
            procedure = cls()
            procedure.arguments, procedure.run = {}, run
            return procedure

        def add_string_argument(self, name, label, about, default, flags):
            self.arguments[name] = default

        def add_int_argument(self, name, label, about, low, high, default, flags):
            assert low <= default <= high
            self.arguments[name] = default

        def set_image_types(self, types):
            assert types == "RGB*, GRAY*"

        def __getattr__(self, name):
            assert name.startswith(("set_", "add_menu_path"))
            return lambda *_: None

        @staticmethod
        def new_return_values(status, error):
            return status, error

    @staticmethod
    def file_save(mode, image, file, options):
        assert mode == "noninteractive" and options is None
        assert all(layer.visible for layer in image.layers) or image.base == "RGB"
        Image.fromarray(image.layers[0].pixels).save(file)

    @staticmethod
    def file_load_layer(mode, image, file):
        return Drawable(np.asarray(Image.open(file)))


@pytest.fixture
def plug_in(client, monkeypatch):
    glib = SimpleNamespace(
        Error=type("Error", (), {"new_literal": staticmethod(lambda quark, message, code: message)})
    )
    repository = SimpleNamespace(
        Gimp=FakeGimp,
        GimpUi=SimpleNamespace(),
        GLib=glib,
        Gio=SimpleNamespace(File=SimpleNamespace(new_for_path=str)),
        GObject=SimpleNamespace(ParamFlags=SimpleNamespace(READWRITE=3)),
    )
    monkeypatch.setitem(sys.modules, "gi", SimpleNamespace(require_version=lambda *_: None))
    monkeypatch.setitem(sys.modules, "gi.repository", repository)
    spec = importlib.util.spec_from_file_location("gimp_plug_in", PLUG_IN / "repair_selection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_plug_in_adds_a_layer_with_the_selection_as_its_mask(plug_in, service):
    picture, hole = scene()
    FakeGimp.image = image = FakeImage(64, 48, "RGB")
    image.layers = [Drawable(picture)]
    assert plug_in.Repair().do_query_procedures() == [plug_in.NAME]
    procedure = plug_in.Repair().do_create_procedure(plug_in.NAME)
    settings = procedure.arguments | {"address": service}
    config = SimpleNamespace(get_property=settings.__getitem__)

    status, message = procedure.run(procedure, "noninteractive", image, [], config, None)
    assert status == "error" and "Nothing is selected" in message and len(image.layers) == 1

    image.selection = hole > 0
    status, _ = procedure.run(procedure, "noninteractive", image, [], config, None)
    assert status == "success" and image.open_groups == 0 and not image.channels
    repaired, below = image.layers
    assert np.array_equal(below.pixels, picture) and repaired.name == "Repaired"
    changed = (repaired.pixels[..., :3] != picture).any(axis=2)
    assert changed[hole > 0].mean() > 0.9 and not changed[~repaired.mask.pixels].any()

    settings["address"] = "http://127.0.0.1:9"
    status, message = procedure.run(procedure, "noninteractive", image, [], config, None)
    assert status == "error" and "No service at" in message and len(image.layers) == 2
