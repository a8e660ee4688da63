"""The service in this process, and pictures as bytes."""

import io
from contextlib import contextmanager

import numpy as np
from PIL import Image


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, form, **options)
    return file.getvalue()


def decoded(content):
    return np.asarray(Image.open(io.BytesIO(content)))


@contextmanager
def serving(model, token=None, hosts=("testserver",), segmenter=None, **limits):
    """A client of the service in this process, behind its guard; `.service` is what is behind."""
    from fastapi.testclient import TestClient

    from latent_inpaint.service.app import build
    from latent_inpaint.service.guard import Guard
    from latent_inpaint.service.jobs import check_current
    from latent_inpaint.service.limits import Limits
    from latent_inpaint.service.metrics import Metrics
    from latent_inpaint.service.shelf import Shelf

    limits, metrics = Limits(**limits), Metrics()
    shelf = Shelf({"box": model, "other": model}, lambda source: source, 1, check_current)
    application, service = build(shelf, limits, metrics, segmenter)
    with TestClient(Guard(application, metrics, limits, hosts, token)) as client:
        client.service = service
        yield client
