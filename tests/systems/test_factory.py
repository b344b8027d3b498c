import dataclasses

import pytest
import torch

from daedal.declare import Paper, Recipe, Variant
from daedal.errors import UsageError
from daedal.options import OptionError, UnknownOption
from daedal.spaces import Images, Labels, Vectors, tokens
from daedal.systems import catalogue
from daedal.systems.factory import create, parameter_count, resolve
from tests import small

FIELDS = {"x": Images(1, 8, 8, 17), "label": Labels(10)}


def parameters(system):
    return torch.cat([p.flatten() for p in system.parameters()])


def test_a_seed_makes_the_parameters_and_no_global_generator_moves():
    state = torch.get_rng_state()
    first, again, other = (parameters(create("vae", FIELDS, hidden=(16,), seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_roles_name_the_fields():
    system = create("vae", FIELDS, given="label", hidden=(16,))
    assert system.roles == {"x": "x", "given": ["label"]}
    assert system.given == {"label": Labels(10)}


def test_the_scale_of_vectors_is_learnt_from_the_training_split():
    data = small.vectors(dim=3)
    system = create(small.Line, data)
    x = data.train.gather(range(len(data.train)))["x"]
    torch.testing.assert_close(system.standardise.mean, x.mean(0))
    torch.testing.assert_close(system.standardise.scale, x.std(0, correction=0))


def test_the_papers_configuration_brings_its_options_and_its_training():
    entry = catalogue.find("vae")
    system = create("vae", FIELDS, config="paper", latent=3)
    paper = entry.paper.options | {"latent": 3}
    assert {name: system.options[name] for name in paper} == paper
    assert system.recipe == entry.paper.recipe
    assert system.config == "paper"


def test_a_class_of_ones_own_is_made_the_same_way():
    system = create(small.Line, small.vectors(), width=5)
    assert system.options == {"width": 5, "poison": -1}


def test_a_variant_sets_options_that_may_be_set_again(monkeypatch):
    paper = Paper(title="beta-VAE", authors="Higgins, I.", year=2017, recipe=Recipe(steps=9))
    entry, kind = resolve("vae")
    entry = dataclasses.replace(entry, variants={"beta-vae": Variant({"beta": 4.0}, paper)})
    monkeypatch.setattr("daedal.systems.factory.resolve", lambda name: (catalogue.variant(entry, name), kind))
    assert create("beta-vae", FIELDS, hidden=(16,)).beta == 4.0
    assert create("beta-vae", FIELDS, hidden=(16,), beta=2).beta == 2.0
    assert create("beta-vae", FIELDS, hidden=(16,), config="paper").recipe.steps == 9


REFUSED = {
    "name": (("vea",), {}, "No system is called 'vea'. Did you mean 'vae'?"),
    "option": (("vae",), {"latnt": 3}, "VAE has no option 'latnt'. Did you mean 'latent'?"),
    "range": (("vae",), {"beta": -1}, "'beta' of VAE must be a float in [0, inf); got -1."),
    "kind": (("vae",), {"latent": 2.5}, "'latent' of VAE must be an integer in [1, inf), or None; got 2.5."),
    "field": (
        ("vae",),
        {"given": "lable"},
        "The data has no field 'lable'. Did you mean 'label'? Its fields are x, label.",
    ),
    "both": (("vae",), {"given": "x"}, "'x' cannot be modelled and given at once; take it out of 'given'."),
    "seed": (("vae",), {"seed": 2**63}, "'seed' of create must be an integer in [0, 2**63); got 9223372036854775808."),
    "config": (("vae",), {"config": "papers"}, "'config' of create must be 'paper' or None; got 'papers'."),
}


@pytest.mark.parametrize(("arguments", "options", "message"), list(REFUSED.values()), ids=list(REFUSED))
def test_what_cannot_be_made_is_refused_in_one_sentence(arguments, options, message):
    with pytest.raises(UsageError) as refusal:
        create(*arguments, FIELDS, **options)
    assert str(refusal.value) == message


def test_a_space_that_does_not_fit_lists_the_systems_that_model_it():
    with pytest.raises(UsageError) as refusal:
        create("pixelcnn", {"x": Vectors(2)})
    assert str(refusal.value).startswith("'pixelcnn' models Images or Labels, and 'x' is Vectors(dim=2). ")
    able = str(refusal.value).split("model it: ")[1].rstrip(".").split(", ")
    assert "vae" in able
    assert "pixelcnn" not in able
    with pytest.raises(UsageError, match=r"Systems that model it: none yet\."):
        create("vae", {"x": tokens(("", "one", "two"), 4)})  # pixelcnn models labels, of maps only
    with pytest.raises(UsageError, match=r"Systems that model it: pixelcnn\."):
        create("vae", {"x": Labels(3, (4, 4))})


@pytest.mark.parametrize(
    ("fields", "typed"), [({"a": Vectors(2), "b": Vectors(2)}, "--x b --given a"), ({"y": Vectors(2)}, "--x y")]
)
def test_data_without_x_is_told_what_to_type(fields, typed):
    with pytest.raises(UsageError, match=f"no field 'x'. Say what is modelled, such as {typed}. Its fields are"):
        create("vae", fields)


def test_options_of_sample_are_checked_in_the_same_words():
    system = create("vae", FIELDS, hidden=(16,))
    with pytest.raises(OptionError, match=r"'temperature' of VAE.sample must be a float in \[0, inf\); got -1."):
        system.sample(2, temperature=-1)
    with pytest.raises(UnknownOption, match=r"VAE.sample has no option 'temprature'. Did you mean 'temperature'\?"):
        system.sample(2, temprature=1)


@pytest.mark.parametrize("name", ["vae", "pixelcnn", "gan", "wgan-gp", "realnvp", "ddpm"])
def test_parameters_are_counted_without_making_them(name):
    counted, options, recipe = parameter_count(catalogue.find(name), FIELDS["x"])
    system = create(name, FIELDS)
    assert counted == sum(p.numel() for p in system.parameters())
    assert (options, recipe) == (system.options, system.recipe)


@pytest.mark.parametrize("name", list(catalogue.entries()))
def test_every_system_of_images_serves_small_grey_ones_and_large_coloured_ones(name):
    entry = catalogue.find(name)
    if Images not in resolve(name)[1].accepts:
        return
    small, large = (parameter_count(entry, space)[0] for space in (Images(1, 8, 8, 17), Images(3, 64, 64)))
    assert 0 < small < large < 50_000_000


@pytest.mark.parametrize("name", list(catalogue.entries()))
def test_every_papers_configuration_can_be_counted(name):
    from daedal.spaces import from_json

    entry = catalogue.find(name)
    state = torch.get_rng_state()
    counted, _, recipe = parameter_count(entry, from_json(entry.paper.space), "paper")
    assert counted > 0
    assert recipe == entry.paper.recipe
    assert torch.equal(torch.get_rng_state(), state)
