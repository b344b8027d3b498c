"""The built documentation opens from files: no link to a folder, no page fetched by script, nothing from a network."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_the_documentation_opens_without_a_server():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert config["use_directory_urls"] is False
    assert "offline" in config["plugins"]
    assert "navigation.instant" not in config["theme"]["features"]
    assert any("iframe-worker" in script for script in config["extra"]["polyfills"])  # else taken from the network
    assert all((ROOT / "docs" / script).is_file() for script in config["extra"]["polyfills"])
