"""To the Hugging Face hub and back: only the description, the weights and the model card travel.

The transfer itself is `huggingface_hub`'s. Checkpoints, logs and samples stay at home, and nothing that comes is
executed (see `daedal.systems.storage`).
"""

from __future__ import annotations

from pathlib import Path

import torch

from daedal.places import DESCRIPTION, WEIGHTS
from daedal.play.system import System
from daedal.systems.card import CARD
from daedal.systems.description import read_description
from daedal.systems.storage import load

FILES = [DESCRIPTION, WEIGHTS, CARD]


def push_to_hub(
    run: str | Path, repository: str, *, private: bool = False, token: str | None = None, message: str = "Upload run"
) -> str:
    """Upload a run's system.json, weights.safetensors and README.md to `owner/name`; returns the commit's address.

    Raises RunError for a folder that is no run.
    """
    from huggingface_hub import HfApi

    read_description(run)
    api = HfApi(token=token)
    api.create_repo(repository, private=private, exist_ok=True)
    sent = api.upload_folder(
        repo_id=repository, folder_path=str(run), allow_patterns=FILES, commit_message=message
    )  # fmt: skip
    return str(sent)


def from_pretrained(
    repository: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    average: bool = True,
    system: type[System] | None = None,
    device: str | torch.device = "cpu",
) -> System:
    """The system of a repository `owner/name` on the hub, in eval mode; see `daedal.load`. Raises RunError."""
    from huggingface_hub import snapshot_download

    folder = snapshot_download(repository, revision=revision, token=token, allow_patterns=FILES)
    return load(folder, average=average, system=system, device=device)
