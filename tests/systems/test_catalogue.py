"""The catalogue is read from source; here it is compared with the classes that the source makes."""

import math
import subprocess
import sys

import pytest

from daedal import capabilities, spaces
from daedal.cli.app import COMMANDS
from daedal.cli.flags import OUTPUT
from daedal.errors import UsageError
from daedal.systems import catalogue
from daedal.systems.catalogue import UnknownSystem
from daedal.systems.inspection import entry_of, resolve

SYSTEMS = [name for name, entry in catalogue.entries().items() if entry.variant_of is None]
RESERVED = {
    *("steps", "seconds", "batch_size", "rate", "seed", "device", "precision", "compile", "threads", "accumulate"),
    *("config", "save_every", "keep", "repeats", "resume", "overwrite", "plugin", "x", "given", "out", "json", "debug"),
    *("size", "fit", "channels", "background", "mirror", "limit", "skip_bad", "n"),
}


def test_the_eight_systems_of_five_families_are_there():
    families = {name: catalogue.find(name).family for name in SYSTEMS}
    assert (
        families.items()
        >= {
            "pca": "classical",
            "gmm": "classical",
            "vae": "autoencoders",
            "pixelcnn": "autoregressive",
            "realnvp": "flows",
            "gan": "gans",
            "wgan-gp": "gans",
            "ddpm": "diffusion",
        }.items()
    )


def test_reading_it_imports_neither_torch_nor_numpy():
    code = "import sys; from daedal.systems import catalogue; assert catalogue.entries()"
    code += "; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_entry_says_what_its_class_says(name):
    entry, kind = resolve(name)
    assert entry == entry_of(kind)


def test_verbs_are_those_of_capabilities():
    assert catalogue.verbs() == {kind.__name__: verb for kind, verb in capabilities.VERBS.items()}


def test_names_are_unique_over_the_package():
    paths = [path for path in catalogue.FOLDER.glob("*/*.py") if not path.name.startswith("_")]
    names = [name for path in paths for name in catalogue._read(path)]
    assert len(names) == len(set(names)) == len(catalogue.entries())


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_option_takes_a_reserved_name(name):
    entry = catalogue.find(name)
    assert not RESERVED & {option.name for option in (*entry.options, *entry.sample_options)}


def test_every_flag_of_train_and_sample_is_reserved():
    for command in ("train", "sample"):
        function, groups, _ = COMMANDS[command]
        flags = {option.name for group in (*groups, OUTPUT) for option in group.options}
        assert flags <= RESERVED
        assert {*function.__kwdefaults__} - {group.key for group in groups} - {"options"} <= RESERVED


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_option_has_help_and_a_default_that_it_takes(name):
    entry = catalogue.find(name)
    for option in (*entry.options, *entry.sample_options):
        assert option.help, f"{name}: {option.name}"
        assert option.check(option.default, entry.class_name) == option.default


@pytest.mark.parametrize("name", list(catalogue.entries()))
def test_a_paper_is_whole_and_its_configuration_fits(name):
    entry = catalogue.find(name)
    paper = entry.paper
    assert paper.title
    assert paper.authors
    assert 1900 < paper.year < 2100
    assert paper.space["space"] in entry.spaces
    spaces.from_json(paper.space)
    known = {option.name: option for option in entry.options}
    for option, value in paper.options.items():
        known[option].check(value, entry.class_name)
    recipe = paper.recipe
    assert all(0 < number < math.inf for number in (recipe.batch_size, recipe.steps, recipe.rate))
    assert recipe.epochs is None  # published training does not end early


def test_a_name_is_found_in_any_spelling():
    assert catalogue.find("wgan_gp") is catalogue.find("WGAN-GP") is catalogue.find("wgan-gp")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vea", "No system is called 'vea'. Did you mean 'vae'?"),
        ("zzzzzz", "No system is called 'zzzzzz'. See 'daedal list'."),
        ("../../etc/passwd", "No system is called '../../etc/passwd'. See 'daedal list'."),
        ("__init__", "No system is called '__init__'. See 'daedal list'."),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, message):
    with pytest.raises(UnknownSystem) as unknown:
        catalogue.find(name)
    assert str(unknown.value) == message


def test_systems_are_found_by_what_they_can_do():
    assert {"pca", "realnvp"} <= set(catalogue.able("log_prob"))
    assert "gan" not in catalogue.able("log_prob")
    with pytest.raises(UsageError, match=r"No capability is called 'logprob'. Did you mean 'log_prob'\?"):
        catalogue.able("logprob")


SOURCE = '''
from typing import Literal
from daedal.declare import Paper, PositiveInt, Recipe, Variant

Shape = Literal["round", "square"]


class Mould(System, Decodes, Samples, ExactInverse):
    """Pours things
    into a form.

    Options:
        depth: how deep
        shape: of the rim,
            seen from above
    """

    accepts = (Vectors,)
    paper = Paper(title="On " "moulds", authors="Doe, J.", year=1999, options={"depth": 3}, recipe=Recipe(steps=-0 + 9))
    recipe: Recipe = Recipe(steps=7)
    variants = {"deep-mould": Variant({"depth": 9}, Paper(title="Deeper", authors="Roe, R.", year=2001))}

    def __init__(self, x, given=None, *, depth: "PositiveInt | None" = None, shape: Shape = "round", on: bool = True):
        pass

    def draw(self, n, given, generator, *, sizes: tuple[PositiveInt, ...] = (1, 2)):
        """Draw."""
'''


@pytest.fixture
def mould(tmp_path):
    path = tmp_path / "crafts" / "plain_mould.py"
    path.parent.mkdir()
    path.write_text(SOURCE.replace("-0 + 9", "9"))
    return catalogue._read(path)


def test_a_file_is_read_as_it_is_written(mould):
    entry = mould["plain-mould"]
    assert entry.family == "crafts"
    assert entry.module == "daedal.systems.crafts.plain_mould"
    assert entry.summary == "Pours things into a form."
    assert entry.capabilities == ("sample", "decode")
    assert entry.spaces == ("Vectors",)
    assert entry.paper.title == "On moulds"
    assert (entry.paper.recipe.steps, entry.recipe.steps) == (9, 7)
    depth, shape, on = entry.options
    assert (depth.default, depth.kind.optional, depth.help) == (None, True, "how deep")
    assert (shape.kind.choices, shape.help) == (("round", "square"), "of the rim, seen from above")
    assert on.default is True
    assert entry.sample_options[0].default == (1, 2)
    assert entry.sample_options[0].kind.many


def test_a_variant_is_an_entry_with_other_defaults_and_another_paper(mould):
    entry = mould["deep-mould"]
    assert entry.variant_of == "plain-mould"
    assert entry.overrides == {"depth": 9}
    assert [option.default for option in entry.options] == [9, "round", True]
    assert entry.paper.title == "Deeper"


def test_what_is_no_literal_is_refused(tmp_path):
    path = tmp_path / "crafts" / "mould.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    with pytest.raises(ValueError, match="malformed"):
        catalogue._read(path)
