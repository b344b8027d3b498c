import shutil

import huggingface_hub
import pytest

from daedal.errors import RunError
from daedal.systems.factory import create, load, save
from daedal.systems.hub import from_pretrained, push_to_hub
from tests import small

SENT = ["README.md", "system.json", "weights.safetensors"]


class FakeHub:
    """Stands in for the hub: keeps what would be sent in a folder, by huggingface_hub's own filter of names."""

    def __init__(self, folder):
        self.folder, self.created = folder, []

    def __call__(self, token=None):
        return self

    def create_repo(self, repo_id, *, private, exist_ok):
        self.created.append((repo_id, private, exist_ok))

    def upload_folder(self, *, repo_id, folder_path, allow_patterns, commit_message):
        from pathlib import Path

        names = [str(p.relative_to(folder_path)) for p in Path(folder_path).rglob("*") if p.is_file()]
        for name in huggingface_hub.utils.filter_repo_objects(names, allow_patterns=allow_patterns):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder_path) / name, target)
        return f"https://hub/{repo_id}/commit/1"

    def snapshot_download(self, repo_id, *, revision, token, allow_patterns):
        assert sorted(allow_patterns) == SENT
        return str(self.folder)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    fake = FakeHub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "HfApi", fake)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake.snapshot_download)
    return fake


def test_only_description_weights_and_card_travel(hub, tmp_path):
    run = tmp_path / "run"
    system = create("vae", small.images(), hidden=(8,), latent=2)
    save(system, run)
    (run / "README.md").write_text("# Card")
    for secret in ("training/run.json", "log.jsonl", "samples/step-1.png", "training/system.json"):
        (run / secret).parent.mkdir(exist_ok=True)
        (run / secret).write_text("stays at home")
    assert push_to_hub(run, "me/vae", private=True) == "https://hub/me/vae/commit/1"
    assert hub.created == [("me/vae", True, True)]
    assert sorted(str(p.relative_to(hub.folder)) for p in hub.folder.rglob("*") if p.is_file()) == SENT
    assert small.same(from_pretrained("me/vae"), load(run))


def test_a_folder_that_is_no_run_is_not_sent(hub, tmp_path):
    with pytest.raises(RunError, match="is no run"):
        push_to_hub(tmp_path, "me/vae")
    assert hub.created == []
