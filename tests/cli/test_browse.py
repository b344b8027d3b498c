"""`list`, `info`, `cite`, and the flags that a system brings to `train`."""

import subprocess
import sys

import pytest

from daedal.cli import reference
from daedal.cli.app import COMMANDS, value_of, words_of
from daedal.spaces import from_json
from daedal.systems import catalogue
from daedal.systems.factory import create


def test_a_list_has_the_keys_that_programs_read(daedal):
    systems = daedal("list", "--json").json["systems"]
    assert [system["name"] for system in systems] == list(catalogue.entries())
    vae = next(system for system in systems if system["name"] == "vae")
    assert vae == {
        "name": "vae",
        "capabilities": ["sample", "elbo", "encode", "decode"],
        "spaces": ["Images", "Vectors"],
        "year": 2014,
    }


def test_a_list_can_be_of_those_that_can(daedal):
    names = [system["name"] for system in daedal("list", "--can", "log_prob", "--json").json["systems"]]
    assert names == catalogue.able("log_prob")
    assert daedal("list", "--can", "log-prob").status == 2


def test_a_list_for_people_names_every_system(daedal):
    answer = daedal("list")
    assert answer.status == 0
    assert all(name in answer.out for name in catalogue.entries())


def test_a_citation_is_bibtex(daedal):
    answer = daedal("cite", "ddpm")
    assert answer.out.startswith("@inproceedings{ho2020denoising,")
    assert daedal("cite", "ddpm", "--json").json["bibtex"] == answer.out.strip()


@pytest.mark.parametrize("name", ["vae", "realnvp", "gmm"])
def test_info_counts_the_parameters_of_both_configurations(daedal, name):
    record = daedal("info", name, "--json").json
    for key, config in (("digits", None), ("paper_configuration", "paper")):
        system = create(name, {"x": from_json(record[key]["x"])}, config=config)
        counted = sum(p.numel() for p in system.parameters())
        assert record[key]["parameters"] == counted or not counted
        options = {option: list(v) if isinstance(v, tuple) else v for option, v in system.options.items()}
        assert record[key]["options"] == options
    assert record["paper"]["year"] == catalogue.find(name).paper.year


def test_info_of_what_is_fitted_has_no_rate_and_counts_what_is_fitted(daedal):
    record = daedal("info", "pca", "--json").json["paper_configuration"]
    assert record["parameters"] == 18 + 2 * 18 + 2 + 1  # mean, directions, variances, noise
    assert (record["recipe"]["rate"], record["recipe"]["batch_size"], record["recipe"]["steps"]) == (None, None, 1)
    gmm = daedal("info", "gmm", "--json").json["paper_configuration"]
    assert gmm["parameters"] == 2 + 2 + 2  # weights, means, variances of two components on a line
    line = next(line for line in daedal("info", "gmm").out.splitlines() if line.startswith("rate"))
    assert line.split()[:3] == ["rate", "-", "-"]
    assert daedal("info", "vae", "--json").json["digits"]["recipe"]["rate"] > 0


def test_info_for_people_shows_options_and_paper(daedal):
    answer = daedal("info", "vae")
    for words in ("Auto-encoding", "on digits", "in the paper", "--latent", "parameters", "--temperature"):
        assert words in answer.out


def test_a_systems_options_are_flags_with_help_defaults_and_choices(daedal):
    shown = " ".join(daedal("train", "vae", "--help").out.replace("│", " ").split())
    for option in catalogue.find("vae").options:
        assert option.flag in shown
    assert "weight of the KL in the loss" in shown
    assert "[default: 1.0]" in shown
    assert "mlp, conv" in shown


@pytest.mark.parametrize("tokens", [["--help"], ["list"], ["train", "vae", "--help"], ["cite", "vae"]])
def test_what_needs_no_torch_imports_none(tokens):
    code = f"""
import sys
from daedal.cli.main import run
run({tokens})
print(sorted({{"torch", "numpy", "pydantic", "PIL"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_the_reference_is_current():
    written = reference.PAGE.read_text()
    assert written == reference.render(), "write it anew: python -m daedal.cli.reference"


def test_the_reference_has_every_command_flag_and_system():
    page = reference.render()
    for name in COMMANDS:
        assert f"## daedal {name}\n" in page
    for name, entry in catalogue.entries().items():
        assert f"`{name}`" in page or f"### {name}\n" in page
        assert all(f"| `{option.flag}` |" in page for option in entry.options)


def test_words_are_neither_flags_nor_values():
    def words(line):
        return list(words_of(line.split(), {"--json", "--mirror"}))

    assert words("train --steps 5 --mirror vae digits") == ["vae", "digits"]
    assert words("train --steps=5 vae") == ["vae"]
    assert words("--json train vae") == ["vae"]
    assert words("train --no-anneal ddpm digits") == ["ddpm", "digits"]
    assert words("train --help") == words("train --resume runs/vae") == []


def test_the_value_of_a_flag():
    assert value_of(["train", "--plugin", "a.py"], "--plugin") == "a.py"
    assert value_of(["train", "--plugin=a.py"], "--plugin") == "a.py"
    assert value_of(["train", "--plugin"], "--plugin") is value_of(["train"], "--plugin") is None
