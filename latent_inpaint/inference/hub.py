"""Networks on the Hugging Face hub: safetensors and JSON, nothing that runs code (extra `hub`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latent_inpaint.extras import how_to_install
from latent_inpaint.models.storage import DESCRIPTION_NAME, FIRST_DESCRIPTION_NAME, WEIGHTS_NAME

PREFIX = "hf://"


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
    repository, revision = repository_of(name)
    try:
        wanted = [WEIGHTS_NAME, DESCRIPTION_NAME, FIRST_DESCRIPTION_NAME]
        folder = hub.snapshot_download(repository, revision=revision, allow_patterns=wanted)
    except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"{PREFIX}{name.removeprefix(PREFIX)}: cannot be downloaded: {str(error).splitlines()[0]}"
        ) from error
    return Path(folder)


def upload(folder: str | Path, name: str, private: bool = True) -> str:
    """Upload a model folder; makes the repository if it is new.

    Args:
        folder: what `save_model` wrote, with a card.
        name: `owner/name`, with or without `hf://`.
        private: of a repository that is made.

    Returns:
        The address of the repository.

    Raises:
        ImportError: huggingface_hub is missing.
        ValueError: no such name.
    """
    hub = _hub()
    repository = repository_of(name)[0]
    hub.create_repo(repository, private=private, exist_ok=True)
    message = "Upload a latent_inpaint network"
    hub.upload_folder(repo_id=repository, folder_path=str(folder), commit_message=message)
    return f"https://huggingface.co/{repository}"


def repository_of(name: str) -> tuple[str, str | None]:
    """`owner/name` and the revision of `hf://owner/name@revision`, whose `hf://` and revision may be missing.

    Raises:
        ValueError: no such name.
    """
    name = name.removeprefix(PREFIX)
    repository, _, revision = name.partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise ValueError(f"{PREFIX}{name}: a name on the hub is owner/name, got {repository!r}")
    return repository, revision or None


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(f"{PREFIX} needs huggingface_hub: {how_to_install('hub')}") from error
    return huggingface_hub
