"""The service's addresses: `/v1/…`, those of IOPaint, the page, its documentation."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from latent_inpaint import __version__
from latent_inpaint.inference.segmenting import Segmenter
from latent_inpaint.service import documentation, iopaint, work
from latent_inpaint.service.core import Service, headers_of, load_network, result_of, with_options
from latent_inpaint.service.jobs import ENDED, Job, warnings_to_jobs
from latent_inpaint.service.limits import Limits, Refused
from latent_inpaint.service.metrics import Metrics
from latent_inpaint.service.requests import checked, json_of, read_body
from latent_inpaint.service.shelf import Shelf

PAGE = files("latent_inpaint.service") / "page"
_PAGE_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def build(
    shelf: Shelf, limits: Limits, metrics: Metrics, segmenter: Segmenter | None = None
) -> tuple[FastAPI, Service]:
    """The application, without its guard, and the service behind it."""
    service = Service(shelf, limits, metrics, segmenter)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        with warnings_to_jobs():
            yield
        service.jobs.close()

    application = FastAPI(
        title="latent_inpaint", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    application.add_exception_handler(Refused, _explain)
    _add_inpaint(application, service)
    _add_jobs(application, service)
    _add_models(application, service)
    _add_rest(application, service)
    iopaint.add(application, service)
    return application, service


def _add_inpaint(application: FastAPI, service: Service) -> None:
    @application.post("/v1/inpaint", openapi_extra=documentation.INPAINT, response_class=Response)
    async def inpaint(request: Request) -> Response:
        """Fill the hole of a picture. One fill is answered as a file, several as JSON with data URLs."""
        job = await service.start(request)
        done = await service.result(request, job)
        if len(done.files) == 1 and "application/json" not in request.headers.get("accept", ""):
            return Response(done.files[0], media_type=done.type, headers=headers_of(job, done))
        images = [f"data:{done.type};base64,{base64.b64encode(file).decode()}" for file in done.files]
        return JSONResponse(
            {"images": images, "seed": done.seed, "warnings": job.warnings, "seconds": round(job.seconds, 3)}
        )

    @application.post("/v1/mask", openapi_extra=documentation.MASK, response_class=Response)
    async def mask(request: Request) -> Response:
        """A mask of any kind as a PNG of black and white, white the hole."""
        body = await read_body(request, service.limits, ("mask",))
        content = body.pop("mask", None) or b""
        options = checked(work.MaskOptions, with_options(body))
        run = partial(work.read_any_mask, content, options, service.limits)
        return await service.small(request, run, len(content))

    if service.segmenter is not None:
        _add_segment(application, service, service.segmenter)

    @application.post("/v1/apply", openapi_extra=documentation.APPLY, response_class=Response)
    async def apply(request: Request) -> Response:
        """A picture with a patch pasted where that is opaque, or none; the rest, EXIF and ICC stay."""
        body = await read_body(request, service.limits, ("image", "patch"))
        image, patch = body.pop("image", None) or b"", body.pop("patch", None)
        place = checked(documentation.Place, body)
        run = partial(work.apply_patch, image, patch, place.left, place.top, place.format, service.limits)
        return await service.small(request, run, len(image) + len(patch or b""))


def _add_segment(application: FastAPI, service: Service, segmenter: Segmenter) -> None:
    @application.post("/v1/segment", openapi_extra=documentation.SEGMENT, response_class=Response)
    async def segment(request: Request) -> Response:
        """The object under points of a picture as a PNG of black and white, white the object."""
        body = await read_body(request, service.limits, ("image",))
        image = body.pop("image", None) or b""
        if isinstance(body.get("points"), str):  # a field of a form
            body["points"] = json_of(body["points"], "points")
        asked = checked(work.Points, body)
        run = partial(work.object_mask, image, asked, segmenter, service.limits)
        return await service.small(request, run, len(image))


def _add_jobs(application: FastAPI, service: Service) -> None:
    @application.post("/v1/jobs", status_code=202, openapi_extra=documentation.INPAINT)
    async def start(request: Request) -> JSONResponse:
        """As /v1/inpaint, without waiting for the result."""
        job = await service.start(request)
        return JSONResponse(job.status(), 202, {"Location": f"/v1/jobs/{job.id}"})

    @application.get("/v1/jobs/{name}")
    async def status(name: str) -> dict[str, Any]:
        """State, progress, warnings and error of a job."""
        return _told(service.jobs.get(name))

    @application.get("/v1/jobs/{name}/events", response_class=StreamingResponse)
    async def events(name: str, request: Request) -> StreamingResponse:
        """Server-sent events of a job, until it has ended."""
        job = service.jobs.get(name)
        return StreamingResponse(_events(job, request), media_type="text/event-stream")

    @application.get("/v1/jobs/{name}/results/{number}", response_class=Response)
    async def result(name: str, number: int) -> Response:
        """A fill of a job that is done, counted from 0."""
        job = service.jobs.get(name)
        if job.state not in ENDED:
            raise Refused(409, f"the job is {job.state}")
        done = result_of(job)
        if not 0 <= number < len(done.files):
            raise Refused(404, f"there are {len(done.files)} results, counted from 0")
        return Response(done.files[number], media_type=done.type, headers=headers_of(job, done))

    @application.delete("/v1/jobs/{name}", status_code=204, response_class=Response)
    async def cancel(name: str) -> Response:
        """Stop a job, and forget it and its results."""
        service.jobs.drop(service.jobs.get(name))
        return Response(status_code=204)


def _add_models(application: FastAPI, service: Service) -> None:
    @application.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The networks that can be named."""
        return {"models": service.shelf.list()}

    @application.post("/v1/models/{name}/load")
    async def load(name: str, request: Request) -> dict[str, Any]:
        """Load a network and make it the one that is used unnamed."""
        await load_network(request, service, name)
        return {"models": service.shelf.list()}

    @application.post("/v1/models/{name}/unload")
    async def unload(name: str) -> dict[str, Any]:
        """Let a network go from memory."""
        service.shelf.unload(name)
        return {"models": service.shelf.list()}


def _add_rest(application: FastAPI, service: Service) -> None:
    @application.get("/v1/health")
    async def health() -> dict[str, Any]:
        """Whether the service answers, and how much waits."""
        jobs = service.jobs
        return {
            "status": "ok",
            "version": __version__,
            "segment": service.segmenter is not None,
            "queued": jobs.count("queued"),
            "running": jobs.count("running"),
        }

    @application.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Counters in Prometheus's text format."""
        jobs = service.jobs
        gauges = {"queued": jobs.count("queued"), "running": jobs.count("running")}
        gauges |= {"held_bytes": jobs.held_bytes(), "queue_size": service.limits.queue}
        return PlainTextResponse(service.metrics.text(gauges), media_type="text/plain; version=0.0.4")

    @application.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(documentation.page(application.openapi()), media_type="text/html")

    @application.get("/", include_in_schema=False)
    async def index() -> Response:
        return await page("index.html")

    @application.get("/page/{name}", include_in_schema=False)
    async def page(name: str) -> Response:
        found = {entry.name: entry for entry in PAGE.iterdir()}.get(name)
        ending = "." + name.rpartition(".")[2]
        if found is None or ending not in _PAGE_TYPES:
            raise Refused(404, "not found")
        return Response(
            found.read_bytes(), media_type=_PAGE_TYPES[ending], headers={"cache-control": "no-cache"}
        )


async def _explain(request: Request, refusal: Any) -> JSONResponse:
    return JSONResponse({"detail": refusal.message}, refusal.status, refusal.headers)


async def _events(job: Job, request: Request) -> AsyncIterator[str]:
    last, waited = "", 0.0
    while True:
        told = json.dumps(_told(job))
        if told != last or waited > 15:
            yield f"event: progress\ndata: {told}\n\n"
            last, waited = told, 0.0
        if job.state in ENDED or await request.is_disconnected():
            return
        await asyncio.sleep(0.1)
        waited += 0.1


def _told(job: Job) -> dict[str, Any]:
    count = len(job.result.files) if job.state == "done" else 0
    return job.status() | {"results": [f"/v1/jobs/{job.id}/results/{number}" for number in range(count)]}
