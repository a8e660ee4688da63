"""IOPaint's addresses, as its page and its plug-ins call them; what has no meaning here is ignored."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from latent_inpaint.service import work
from latent_inpaint.service.core import Service, load_network
from latent_inpaint.service.limits import Refused
from latent_inpaint.service.requests import checked, from_base64, read_json


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Inpaint(_Loose):
    """Of IOPaint's request what means something here."""

    image: str
    mask: str
    sd_seed: int = Field(42, ge=-1, le=2**53)
    use_extender: bool = False


class Named(_Loose):
    """A network."""

    name: str


class Adjust(_Loose):
    """A change of a mask."""

    mask: str
    operate: Literal["expand", "shrink", "reverse"]
    kernel_size: int = Field(5, ge=1, le=1000)


def add(application: FastAPI, service: Service) -> None:
    """Add the addresses `/api/v1/…`."""

    @application.post("/api/v1/inpaint", response_class=Response)
    async def inpaint(request: Request) -> Response:
        """A picture and a mask as base64; the file of the result comes back, in the picture's format."""
        asked = checked(Inpaint, await read_json(request))
        if asked.use_extender:
            raise Refused(422, "use_extender: pictures are not extended here")
        image, mask = from_base64(asked.image, "image"), from_base64(asked.mask, "mask")
        await run_in_threadpool(work.check_picture, mask, "mask", service.limits)
        grey = await run_in_threadpool(_plain_mask, mask)
        job = await service.start_with(image, grey, checked(work.Options, {"seed": asked.sd_seed}))
        done = await service.result(request, job)
        return Response(done.files[0], media_type=done.type, headers={"X-Seed": str(done.seed)})

    @application.get("/api/v1/model")
    async def model() -> dict[str, Any]:
        """The network that is used."""
        return _info(service.shelf.current)

    @application.post("/api/v1/model")
    @application.post("/api/v1/switch_model", include_in_schema=False)
    async def switch_model(request: Request) -> dict[str, Any]:
        """Use another network."""
        await load_network(request, service, checked(Named, await read_json(request)).name)
        return _info(service.shelf.current)

    @application.get("/api/v1/server-config")
    async def server_config() -> dict[str, Any]:
        """What there is to choose from: networks, no plug-ins."""
        lists = ("plugins", "removeBGModels", "realesrganModels", "interactiveSegModels", "samplers")
        flags = ("enableFileManager", "enableAutoSaving", "enableControlnet", "isDesktop")
        names = {
            "removeBGModel": "",
            "realesrganModel": "",
            "interactiveSegModel": "",
            "controlnetMethod": None,
        }
        return {
            "modelInfos": [_info(name) for name in service.shelf.sources],
            "disableModelSwitch": False,
            **{name: [] for name in lists},
            **dict.fromkeys(flags, False),
            **names,
        }

    @application.get("/api/v1/samplers")
    async def samplers() -> list[str]:
        """None: samplers belong to the networks."""
        return []

    @application.post("/api/v1/gen-info")
    async def gen_info() -> dict[str, str]:
        """No prompts are read from pictures."""
        return {"prompt": "", "negative_prompt": ""}

    @application.post("/api/v1/adjust_mask", response_class=Response)
    async def adjust_mask(request: Request) -> Response:
        """A mask grown, shrunk or reversed."""
        asked = checked(Adjust, await read_json(request))
        mask = from_base64(asked.mask, "mask")

        def run() -> work.Encoded:
            return work.adjusted(mask, asked.operate, asked.kernel_size, service.limits)

        return await service.small(request, run, len(mask))


def _plain_mask(mask: bytes) -> bytes:
    try:
        hole = work.read_any_hole(mask)
    except ValueError as error:
        raise Refused(400, str(error)) from error
    return work.encode(work.Image.fromarray(work.np.uint8(255) * hole), "png")


def _info(name: str) -> dict[str, Any]:
    flags = (
        "need_prompt",
        "support_strength",
        "support_outpainting",
        "support_lcm_lora",
        "support_controlnet",
        "support_brushnet",
        "support_powerpaint_v2",
        "is_single_file_diffusers",
    )
    return {"name": name, "path": name, "model_type": "inpaint", "controlnets": [], "brushnets": []} | (
        dict.fromkeys(flags, False)
    )
