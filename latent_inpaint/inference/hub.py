"""Networks on the Hugging Face hub: safetensors and a model card, nothing that runs code (extra `hub`)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latent_inpaint.extras import how_to_install
from latent_inpaint.models.inpainter import LatentInpainter
from latent_inpaint.models.storage import DESCRIPTION_NAME, FIRST_DESCRIPTION_NAME, WEIGHTS_NAME, save_model

PREFIX = "hf://"
CARD_NAME = "README.md"


def download(name: str) -> Path:
    """The local folder of a network on the hub.

    Args:
        name: `owner/name`, or `owner/name@revision`, with or without `hf://`.

    Raises:
        ImportError: huggingface_hub is missing.
        ValueError: no such name.
        FileNotFoundError: nothing of that name, or it holds no network of ours.
    """
    hub = _hub()
    name = name.removeprefix(PREFIX)
    repository, _, revision = name.partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise ValueError(f"{PREFIX}{name}: a name on the hub is owner/name, got {repository!r}")
    try:
        wanted = [WEIGHTS_NAME, DESCRIPTION_NAME, FIRST_DESCRIPTION_NAME]
        folder = hub.snapshot_download(repository, revision=revision or None, allow_patterns=wanted)
    except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"{PREFIX}{name}: cannot be downloaded: {str(error).splitlines()[0]}"
        ) from error
    return Path(folder)


def push(model: LatentInpainter, name: str, card: Mapping[str, Any], private: bool = True) -> str:
    """Upload a network: weights, description and a model card; makes the repository if it is new.

    Args:
        model: the network.
        name: `owner/name`, with or without `hf://`.
        card: JSON values that say where the weights come from: data, command, metrics, limits.
        private: of a repository that is made.

    Returns:
        The address of the repository.

    Raises:
        ImportError: huggingface_hub is missing.
    """
    hub = _hub()
    repository = name.removeprefix(PREFIX)
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, folder, card)
        (Path(folder) / CARD_NAME).write_text(model_card(repository, card))
        hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Upload a latent_inpaint network"
        )
    return f"https://huggingface.co/{repository}"


def model_card(name: str, card: Mapping[str, Any]) -> str:
    """The card as Markdown, with how to use the network."""
    facts = "\n".join(f"- **{key}**: {json.dumps(value, ensure_ascii=False)}" for key, value in card.items())
    return f"""---
library_name: latent_inpaint
pipeline_tag: image-to-image
tags: [inpainting]
---
# {name}
An inpainting network of latent_inpaint.

{facts}

```python
import latent_inpaint

model = latent_inpaint.load("{PREFIX}{name}")
repaired = latent_inpaint.inpaint(image, mask, model)
```
"""


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(f"{PREFIX} needs huggingface_hub: {how_to_install('hub')}") from error
    return huggingface_hub
