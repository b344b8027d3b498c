"""A folder from somebody else is data: what is whole is read back, what is not is refused with one sentence."""

import json
import resource
from types import MappingProxyType

import pytest
import torch
from safetensors.torch import load_file, save_file

from daedal.errors import RunError
from daedal.spaces import Images, Labels
from daedal.systems.factory import create, load, save
from daedal.systems.storage import DESCRIPTION, WEIGHTS
from tests import small

FIELDS = MappingProxyType({"x": Images(1, 8, 8, 17), "label": Labels(10, names=tuple("abcdefghij"))})


@pytest.fixture
def system():
    return create("vae", FIELDS, given="label", hidden=(8,), latent=2).eval()


@pytest.fixture
def folder(system, tmp_path):
    save(system, tmp_path / "run", averages=averages_of(system), fingerprint="f")
    return tmp_path / "run"


def averages_of(system):
    return {name: p.detach() + 1 for name, p in system.named_parameters()}


def rewrite(folder, **changes):
    file = folder / DESCRIPTION
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_system_comes_back_as_it_was(system, folder):
    back = load(folder, average=False)
    assert small.same(system, back)
    assert (back.options, back.x, back.given, back.roles) == (system.options, system.x, system.given, system.roles)
    assert (back.recipe, back.config, back.training) == (system.recipe, None, False)
    given = {"label": torch.arange(4)}
    one, two = (s.sample(4, given=given, generator=torch.Generator().manual_seed(1)) for s in (system, back))
    assert torch.equal(one, two)


def test_averages_take_the_place_of_raw_parameters(system, folder):
    back = load(folder).state_dict()
    for name, raw in system.state_dict().items():
        averaged = dict(system.named_parameters()).keys()
        assert torch.equal(back[name], raw + 1 if name in averaged else raw)


def test_a_system_in_float64_comes_back_in_float64(system, tmp_path):
    save(system.double(), tmp_path)
    back = load(tmp_path)
    assert back.dtype == torch.float64
    assert small.same(system, back)


def test_loading_moves_no_global_generator(folder):
    state = torch.get_rng_state()
    load(folder)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_description_says_what_the_run_is(folder):
    record = json.loads((folder / DESCRIPTION).read_text())
    assert record["format"] == 1
    assert record["system"] == "vae"
    assert record["spaces"]["given"]["label"]["names"] == list("abcdefghij")
    assert record["capabilities"] == ["sample", "elbo", "encode", "decode"]
    assert record["fingerprint"] == "f"
    assert record["versions"]["torch"] == torch.__version__


def test_a_class_of_ones_own_is_handed_in(tmp_path):
    data = small.vectors()
    line = create(small.Line, data, width=4)
    save(line, tmp_path)
    assert small.same(load(tmp_path, system=small.Line), line)
    with pytest.raises(RunError, match="holds the system 'small', which is not one of Daedal's; hand its class in"):
        load(tmp_path)


def test_another_class_than_the_runs_is_refused(folder):
    with pytest.raises(RunError, match="holds the system 'vae', not 'small'; hand in its own class"):
        load(folder, system=small.Line)


# -- what is damaged


def test_a_missing_folder_and_one_that_is_no_run(tmp_path):
    with pytest.raises(RunError, match="does not exist; give the folder of a run"):
        load(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"is no run: it has no system.json"):
        load(tmp_path)


def test_missing_weights(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"weights.safetensors is missing"):
        load(folder)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_weights_that_were_cut(folder, share):
    file = folder / WEIGHTS
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(RunError, match=r"weights.safetensors is damaged"):
        load(folder)


def test_a_description_that_was_cut(folder):
    file = folder / DESCRIPTION
    file.write_text(file.read_text()[:50])
    with pytest.raises(RunError, match=r"system.json is damaged"):
        load(folder)


@pytest.mark.parametrize("version", [2, "1", None])
def test_an_unknown_format_says_what_to_do(folder, version):
    rewrite(folder, format=version)
    with pytest.raises(RunError, match=r"has format .*, this version reads 1; use the Daedal that wrote it"):
        load(folder)


def test_weights_of_another_shape_name_the_tensor(folder):
    tensors = load_file(folder / WEIGHTS)
    name = next(key for key in sorted(tensors) if tensors[key].ndim == 2)
    shape = tuple(tensors[name].shape)
    save_file(tensors | {name: torch.zeros(shape[0] + 1, shape[1])}, folder / WEIGHTS)
    with pytest.raises(RunError) as refusal:
        load(folder)
    assert f"'{name}' has shape {(shape[0] + 1, shape[1])}, the system in system.json has {shape}" in str(refusal.value)


def test_weights_of_another_kind_too_few_and_too_many(folder):
    tensors = load_file(folder / WEIGHTS)
    name = sorted(key for key in tensors if key.startswith("raw/"))[0]
    save_file(tensors | {name: tensors[name].long()}, folder / WEIGHTS)
    with pytest.raises(RunError, match=rf"'{name}' holds I64"):
        load(folder)
    save_file({key: t for key, t in tensors.items() if key != name}, folder / WEIGHTS)
    with pytest.raises(RunError, match=rf"lacks the tensor '{name}'"):
        load(folder)
    save_file(tensors | {"raw/more": torch.zeros(1)}, folder / WEIGHTS)
    with pytest.raises(RunError, match="has a tensor 'raw/more'"):
        load(folder)


# -- what is hostile


@pytest.mark.parametrize("name", ["os.system", "../../evil", "daedal.systems.gans.gan", "", None, ["vae"]])
def test_a_name_resolves_only_among_daedals_systems(folder, name):
    rewrite(folder, system=name)
    with pytest.raises(RunError, match="is not one of Daedal's"):
        load(folder)


HOSTILE = {
    "huge option": {"options": {"latent": 10**12, "hidden": [8]}},
    "many layers": {"options": {"latent": 2, "hidden": [1] * 30_000}},
    "huge image": {"spaces": {"x": {"space": "Images", "channels": 1, "height": 10**6, "width": 10**6}, "given": {}}},
    "negative size": {"spaces": {"x": {"space": "Images", "channels": 1, "height": -8, "width": 8}, "given": {}}},
    "no number": {"spaces": {"x": {"space": "Images", "channels": "1", "height": 8, "width": 8}, "given": {}}},
    "huge vector": {"spaces": {"x": {"space": "Vectors", "dim": 10**30}, "given": {}}},
    "no space": {"spaces": {"x": {"space": "object"}, "given": {}}},
    "unknown option": {"options": {"evil": 1}},
    "out of range": {"options": {"beta": -1}},
    "no options": {"options": None},
    "bad recipe": {"recipe": {"evil": 1}},
}


@pytest.mark.parametrize("changes", list(HOSTILE.values()), ids=list(HOSTILE))
def test_a_description_that_lies_is_refused_before_memory_is_taken(folder, changes):
    rewrite(folder, **changes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RunError, match=r"system.json|has shape"):
        load(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


IMAGE = {"space": "Images", "channels": 1, "height": 8, "width": 8, "levels": 17, "frames": None}
WRONG = {
    "'levels' of Images must be an integer in [2, 65536]; got 1.": {"x": IMAGE | {"levels": 1}},
    "'levels' of Images must be an integer in [2, 65536]; got 2.5.": {"x": IMAGE | {"levels": 2.5}},
    "'frames' of Images must be an integer in [1, 2147483647]; got 0.": {"x": IMAGE | {"frames": 0}},
    "'classes' of Labels must be an integer in [1, 2147483647]; got 0.": {
        "x": IMAGE, "given": {"label": {"space": "Labels", "classes": 0}}
    },
    "5 describes no space.": {"x": 5},
}  # fmt: skip


@pytest.mark.parametrize("says", WRONG)
def test_a_space_that_is_none_is_told_in_the_words_of_the_space(folder, says):
    rewrite(folder, spaces={"given": {}} | WRONG[says])
    with pytest.raises(RunError) as refusal:
        load(folder)
    assert str(refusal.value) == f"{folder / DESCRIPTION} describes no system that can be made: {says}"


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"recipe": {"rate": "x"}}, "'rate' of Recipe must be a float in (0, inf); got 'x'."),
        ({"recipe": {"steps": 0}}, "'steps' of Recipe must be an integer in [1, inf); got 0."),
        ({"roles": {"x": 3, "given": []}}, "its roles must name x and ['label'] as given; got {'x': 3, 'given': []}."),
        (
            {"roles": {"x": "x", "given": "ab"}},
            "its roles must name x and ['label'] as given; got {'x': 'x', 'given': 'ab'}.",
        ),
    ],
)
def test_a_recipe_and_roles_of_other_types_are_refused(folder, part, says):
    rewrite(folder, **part)
    with pytest.raises(RunError) as refusal:
        load(folder)
    assert str(refusal.value).endswith(says)


def test_a_description_that_lacks_a_part_names_it(folder):
    record = json.loads((folder / DESCRIPTION).read_text())
    del record["spaces"]
    (folder / DESCRIPTION).write_text(json.dumps(record))
    with pytest.raises(RunError, match="it lacks 'spaces'"):
        load(folder)


# -- a full disk


def test_a_full_disk_leaves_the_old_files(system, folder):
    old = (folder / WEIGHTS).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            save(system, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / WEIGHTS).read_bytes() == old
    assert sorted(path.name for path in folder.iterdir()) == [DESCRIPTION, WEIGHTS]
    load(folder)
