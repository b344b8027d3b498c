"""What the source may not say: imports that point upwards, pickles, a `yield` inside a `with` in a round."""

import ast
import re
from pathlib import Path

import daedal

PACKAGE = Path(daedal.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(("daedal", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in FILES}

# Each part imports only from parts of a lower layer, or from itself.
LAYERS = (
    ("__init__",),
    ("__main__",),
    ("cli",),
    ("claims",),
    ("applications",),
    ("evaluate",),
    ("systems",),
    ("data", "play"),
    ("samplers", "losses"),
    ("probability", "nn"),
    ("capabilities", "spaces", "declare", "options", "errors", "heap", "places", "version"),
)
# The command line calls the front door, which stands on everything else, as any program would.
MAY_ALSO = {("cli", "__init__")}
GROUND = LAYERS[-1]


def part_of(module):
    """'play' of daedal.play.turn; '__init__' of the front door itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def layer_of(part):
    return next(i for i, parts in enumerate(LAYERS) if part in parts)


def imports_of(path):
    """Modules of Daedal that a file imports anywhere, also inside functions, but not for type checkers alone."""
    for node in ast.walk(without_type_checking(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "daedal")
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "daedal":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES or f"{name}.__init__" in MODULES else node.module


def without_type_checking(tree):
    class Drop(ast.NodeTransformer):
        def visit_If(self, node):
            return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node

    return Drop().visit(tree)


def test_every_part_has_its_layer():
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert parts <= {part for layer in LAYERS for part in layer}


def test_imports_go_downwards():
    wrong = {}
    for module, path in MODULES.items():
        part = part_of(module)
        upwards = [name for name in imports_of(path) if not may_import(part, part_of(name))]
        if upwards:
            wrong[module] = upwards
    assert not wrong


def may_import(part, other):
    below = layer_of(other) > layer_of(part)
    return other == part or below or (part, other) in MAY_ALSO or (part in GROUND and other in GROUND)


def test_systems_are_reached_by_name_only():
    """No system imports a sibling or the catalogue, and nobody imports a system."""
    families = {path.parent.name for path in PACKAGE.glob("systems/*/*.py")}
    wrong = {}
    for module, path in MODULES.items():
        imported = [name for name in imports_of(path) if part_of(name) == "systems"]
        is_system = path.parent.name in families and path.parent.parent.name == "systems"
        bad = imported if is_system else [name for name in imported if set(name.split(".")) & families]
        if bad:
            wrong[module] = bad
    assert not wrong


def test_nothing_is_unpickled_but_by_the_restricted_reader():
    users = {}
    for module, path in MODULES.items():
        names = {name for node in ast.walk(ast.parse(path.read_text())) for name in unpicklers(node)}
        if names:
            users[module] = names
    assert users.keys() <= {"daedal.data.cifar"}, users


def unpicklers(node):
    """Names that read pickles: the module itself, and what reads one without saying so."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        modules = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
        yield from {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve"} & set(modules)
    if isinstance(node, ast.Attribute) and ast.unparse(node) in READERS:
        yield ast.unparse(node)
    if isinstance(node, ast.keyword) and (node.arg == "weights_only" or (node.arg == "allow_pickle" and is_true(node))):
        yield node.arg


READERS = {"torch.load", "torch.save", "torch.package", "pd.read_pickle", "pandas.read_pickle"}


def is_true(keyword):
    return not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)


def test_numpy_never_may_unpickle():
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("allow_pickle") == "False", f"{module}, line {node.lineno}"


ROUNDS = ("systems", "samplers", "losses", "nn", "probability")  # where rounds, and what they call, are written


def found_in_rounds(search):
    """Lines that a search finds where rounds are written, by module."""
    paths = {module: path for module, path in MODULES.items() if part_of(module) in ROUNDS}
    paths["daedal.play.system"] = MODULES["daedal.play.system"]
    found = {module: [*search(ast.parse(path.read_text()))] for module, path in paths.items()}
    return {module: lines for module, lines in found.items() if lines}


def test_no_round_yields_inside_a_with():
    """The code around a `yield` runs in the trainer's context; a `with` would hold across it."""
    assert not found_in_rounds(yields_in_with)


def test_no_round_makes_tensors_that_cannot_enter_a_graph():
    """`inference_mode` is for the public verbs alone, and so is `sample`, which is in it."""
    found = found_in_rounds(makers_of_inference_tensors)
    assert found.keys() <= {"daedal.systems.training"}  # the picture of a run, drawn between rounds
    assert len(found.get("daedal.systems.training", [])) == 1


def makers_of_inference_tensors(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute, ast.alias)) and INFERENCE.fullmatch(ast.unparse(node)):
            yield node.lineno


INFERENCE = re.compile(r"(.*\.)?inference_mode|(super\(\)|(self|system)(\.system)?)\.sample")


def yields_in_with(tree):
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and not any(
            "contextmanager" in ast.unparse(d) for d in function.decorator_list
        ):
            for block in ast.walk(function):
                if isinstance(block, (ast.With, ast.AsyncWith)):
                    yield from (n.lineno for n in ast.walk(block) if isinstance(n, (ast.Yield, ast.YieldFrom)))


def test_the_search_finds_what_it_searches():
    bad = ast.parse("def turns(self, batches):\n    with no_grad():\n        yield Turn('a', loss)\n")
    good = ast.parse("@contextlib.contextmanager\ndef f():\n    with a:\n        yield\n")
    assert list(yields_in_with(bad)) == [3]
    assert not list(yields_in_with(good))
    for text in ("torch.inference_mode()", "from torch import inference_mode", "super().sample(2)", "self.sample(n)"):
        assert list(makers_of_inference_tensors(ast.parse(text))) == [1], text
    assert not list(makers_of_inference_tensors(ast.parse("self.observation.sample(outputs)")))
    for text in ("import pickle", "from pickle import load", "torch.load(f)", "np.load(f, allow_pickle=True)"):
        assert [name for node in ast.walk(ast.parse(text)) for name in unpicklers(node)], text
    assert not [name for node in ast.walk(ast.parse("np.load(f, allow_pickle=False)")) for name in unpicklers(node)]
