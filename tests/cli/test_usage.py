"""What is typed wrongly: one sentence on stderr, status 2, no traceback, and one object on stdout with --json."""

import json

import pytest

KEPT = "--resume RUN keeps the run's settings and data, and takes only --steps and --device"
WRONG = {
    "train vea digits": "No system is called 'vea'. Did you mean 'vae'?",
    "train vea --help": "No system is called 'vea'. Did you mean 'vae'?",
    "train vae digits --latnt 4": "There is no flag --latnt. Did you mean '--latent'?",
    "train vae digits --stpes 4": "There is no flag --stpes. Did you mean '--steps'?",
    "train vae digits --beta -1": "'beta' of VAE must be a float in [0, inf); got -1.",
    "train vae digits --beta=-1e3": "'beta' of VAE must be a float in [0, inf); got -1000.0.",
    "train vae digits --beta much": "'beta' of VAE must be a float in [0, inf); got 'much'.",
    "train vae digits --latent 2.5": "'latent' of VAE must be an integer in [1, inf), or None; got 2.5.",
    "train vae digits --kl open": "'kl' of VAE must be one of 'closed', 'sampled'; got 'open'.",
    "train vae digits --steps 0": "'steps' of train must be an integer in [1, inf); got 0.",
    "train vae digits --precision int8": "'precision' of train must be one of 'float32', 'bf16'; got 'int8'.",
    "train vae digits --steps": "'steps' is missing its value; --help shows what goes where.",
    "train vae digits toys": "'toys' is one word too many; --help shows what goes where.",
    "train vae": "Say what to train on what, such as 'daedal train vae digits'; --help shows more.",
    "train vae nodata": "'nodata' does not exist",
    "train vae digits --steps 1 --seconds 1": "Give train a budget in steps or in seconds, not both.",
    "train vae digits --given lable": "The data has no field 'lable'. Did you mean 'label'? Its fields are x, label.",
    "train pixelcnn toy:ring8": "'pixelcnn' models Images or Labels, and 'x' is Vectors(dim=2).",
    **{
        f"{line} --seed 99999999999999999999": f"'seed' of {line.split()[0]} must be an integer in [0, 2**63); got 9999"
        for line in ("train vae digits", "compare digits", "evaluate nowhere digits")
    },
    **{
        f"{line} 99999999999999999999": f"{name} must be an integer in [{low}, 2**63){end}; got 99999999999999999999."
        for line, name, low, end in (
            ("data digits --limit", "'limit' of the data", 2, ""),
            ("train vae digits --latent", "'latent' of VAE", 1, ", or None"),
            ("train vae digits --steps", "'steps' of train", 1, ""),
            ("render portraits --out out --n", "'n' of render", 1, ""),
            ("render portraits --out out --first", "'first' of render", 0, ""),
        )
    },
    "train vae digits --threads 9999999999": "'threads' of train must be an integer in [1, 1024]; got 9999999999.",
    "render portraits --out out --first 9223372036854775807": "'first' and 'n' lead too far",
    "data portraits --limit 5": "'n' (--limit) of portraits must be an integer in [",
    "data language:toy --limit 5": "'n' (--limit) of language:toy must be an integer in [",
    "data toy:ring8 --limit 9000000000000000": "There is not enough memory: ",
    "data language:toy --length 99999999999999999": "There is not enough memory: ",
    "train vae digits --latent 9000000000000": "There is not enough memory: ",
    "train vae digits --latent 9000000000000000000": "There is not enough memory: ",
    **{
        f"{line}=": f"'{name}' of {owner} is empty; give it a value, or leave out --{name.replace('_', '-')}."
        for line, name, owner in (
            ("train vae digits --x", "x", "train"),
            ("train vae digits --given", "given", "train"),
            ("train vae digits --out", "out", "train"),
            ("train --resume", "resume", "train"),
            ("data digits --limit", "limit", "the data"),
            ("data portraits --fields", "fields", "portraits"),
            ("evaluate nowhere --metrics", "metrics", "evaluate"),
            ("reproduce vae --out", "out", "reproduce"),
        )
    },
    "data digits --limit 10 --limit 20": "--limit was given already; give it once.",
    "data digits --mirror --mirror": "--mirror was given already; give it once.",
    "train ddpm digits --anneal --no-anneal": "--no-anneal was given already; give it once.",
    "data digits --mirror=maybe": "--mirror is a switch, which takes no value but true or false; got 'maybe'.",
    "data digits --mirror=": "--mirror is a switch, which takes no value but true or false; got ''.",
    "train vae digits --given label --given label": "'label' is given twice; say it once.",
    "compare digits --systems vae --given label --given label": "'label' is given twice; say it once.",
    "reproduce vae --seeds 0,99999999999999999999": "'seeds' of reproduce must be integers in [0, 2**63) with commas",
    **{
        f"{line} --device {device}": f"'device' must be auto, cpu or cuda; got '{device}'."
        for line in ("train vae digits", "compare digits")
        for device in ("abacus", "meta", "mps")
    },
    "train vae digits --threads 100000": "'threads' of train must be an integer in [1, 1024]; got 100000.",
    "compare digits --threads 1025": "'threads' of compare must be an integer in [1, 1024]; got 1025.",
    "train --resume nowhere": "nowhere does not exist; give the folder of a run.",
    **{
        f"train --resume nowhere {typed}": f"{KEPT}; leave out {word}."
        for typed, word in {
            "--rate 1": "--rate",
            "--batch-size 9": "--batch-size",
            "--seed 0": "--seed",
            "--x x": "--x",
            "--overwrite": "--overwrite",
            "--out run": "--out",
            "--seconds 1": "--seconds",
            "--mirror": "--mirror",
            "--given label": "--given",
            "digits": "'digits'",
            "vae digits": "'vae'",
            "vae --beta 2": "'vae'",
        }.items()
    },
    "sample nowhere": "nowhere does not exist; give the folder of a run.",
    "sample": "'RUN' is missing its value; --help shows what goes where.",
    "evaluate nowhere digits": "nowhere does not exist; give the folder of a run.",
    "doctor nowhere": "nowhere",
    "info vea": "No system is called 'vea'. Did you mean 'vae'?",
    "cite vea": "No system is called 'vea'. Did you mean 'vae'?",
    "list --can fly": "No capability is called 'fly'.",
    "compare digits --systems vae,gna": "No system is called 'gna'. Did you mean 'gan'?",
    "compare digits --seconds 0": "'seconds' of compare must be a float in (0, inf); got 0.",
    "compare nodata": "'nodata' does not exist",
    "data nodata": "'nodata' does not exist",
    "data digits --limit 0": "'limit' of the data must be an integer in [2, inf); got 0.",
    "data digits --limit 1": "'limit' of the data must be an integer in [2, inf); got 1.",
    "data digits --out x.txt": "'out' of data must end in .png; got 'x.txt'.",
    "data digits --size large": "'size' must be an integer in [1, 8192], or height x width such as '32x24'",
    "reproduce": "Say whose claims to measure",
    "reproduce vae --seeds a,b": "'seeds' of reproduce must be integers in [0, 2**63) with commas between; got 'a,b'.",
    "reproduce vae --seeds ²": "'seeds' of reproduce must be integers in [0, 2**63) with commas between; got '²'.",
    "reproduce vae --seeds 1,01": "'seeds' of reproduce must name each seed once; got '1,01'.",
    "reproduce nothing": "'nothing' has no claims.",
    "reproduce nothing --stale": "'nothing' has no claims.",
    "trian vae digits": "Unknown command 'trian'. Did you mean 'train'?",
    "train vae digits --plugin nowhere.py": "The plugin 'nowhere.py' does not exist",
    **{
        f"train vae digits --plugin={name}": f"The plugin '{name}' is no module that can be imported"
        for name in ("", ".", "..", ".vae", "a-b/c")
    },
    "train vae digits --plugin no.such.module": "The plugin 'no.such.module' is no module that can be imported",
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("line", list(WRONG))
def test_a_mistake_is_one_sentence(daedal, tmp_path, line):
    answer = daedal(*line.split())
    assert answer.status == (1 if "enough memory" in WRONG[line] else 2)
    assert answer.out == ""
    assert answer.err.startswith("daedal: " + WRONG[line])
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", ["train vea digits", "train vae digits --beta -1", "sample nowhere", "data nodata"])
def test_a_mistake_is_one_object_for_programs(daedal, line):
    answer = daedal(*line.split(), "--json")
    assert answer.status == 2
    assert answer.out.count("\n") == 1
    assert answer.json.keys() == {"error"}
    assert answer.json["error"].keys() == {"type", "message"}
    assert answer.json["error"]["message"].startswith(WRONG[line])
    assert answer.json["error"]["type"] != "CoercionError"


def test_a_rank_that_is_no_number_is_refused_by_what_trains_alone(daedal, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "foo")
    assert daedal("list", "--json").status == 0
    answer = daedal("train", "vae", "digits", "--limit", "60", "--json")
    assert answer.status == 2
    told = "The environment variable RANK must be a number, as torchrun sets it; got 'foo'."
    assert answer.json == {"error": {"type": "UsageError", "message": told}}


def test_debug_shows_the_traceback(daedal):
    answer = daedal("train", "vea", "digits", "--debug")
    assert answer.status == 2
    assert "Traceback (most recent call last)" in answer.err
    assert answer.err.rstrip().endswith("Did you mean 'vae'?")


@pytest.mark.parametrize("word", ["true", "1", "YES"])
def test_a_switch_may_be_spelled_out(daedal, word):
    answer = daedal("train", "vea", "digits", f"--json={word}", f"--debug={word}")
    assert json.loads(answer.out)["error"]["message"].startswith("No system is called 'vea'.")
    assert "Traceback" in answer.err


def test_a_switch_may_be_taken_back(daedal):
    answer = daedal("train", "vea", "digits", "--json", "--json=false", "--debug=false")
    assert answer.out == ""
    assert answer.err.startswith("daedal: No system is called 'vea'.")


def test_nothing_typed_shows_the_help(daedal):
    answer = daedal()
    assert answer.status == 0
    assert "Usage: daedal COMMAND" in answer.out


def test_the_version(daedal):
    from daedal.version import VERSION

    assert daedal("--version").out.strip() == VERSION


def test_flags_may_come_before_the_name(daedal, tmp_path):
    typed = ["--steps", "1", "--mirror", "vae", "--latent", "2", "digits", "--hidden", "4,4", "--out", "run", "--json"]
    answer = daedal("train", *typed)
    assert answer.status == 0, answer.err
    options = json.loads((tmp_path / "run" / "system.json").read_text())["options"]
    assert (options["latent"], options["hidden"]) == (2, [4, 4])


@pytest.mark.parametrize(
    ("line", "option", "value"),
    [
        ("train --no-anneal ddpm digits --width 4", "anneal", False),
        ("train --anneal ddpm digits --width 4", "anneal", True),
        ("train --hidden 16 16 vae digits", "hidden", [16, 16]),
        ("train vae --hidden 16 16 digits", "hidden", [16, 16]),
        ("train --out run vae --hidden=16,16 digits", "hidden", [16, 16]),
    ],
)
def test_a_systems_own_flags_may_come_before_its_name(daedal, tmp_path, line, option, value):
    answer = daedal(*line.split(), "--steps", "1", *([] if "--out" in line else ["--out", "run"]))
    assert answer.status == 0, answer.err
    assert json.loads((tmp_path / "run" / "system.json").read_text())["options"][option] == value


def test_what_is_no_system_is_named_behind_flags_of_one_too(daedal):
    assert daedal("train", "--no-anneal", "vea", "digits").err.startswith("daedal: No system is called 'vea'.")


def test_switches_of_the_output_may_come_before_the_command(daedal):
    assert daedal("--json", "list").json == daedal("list", "--json").json
    answer = daedal("--json", "--debug", "train", "vea", "digits")
    assert answer.json["error"]["type"] == "UnknownSystem"
    assert "Traceback" in answer.err


@pytest.mark.parametrize("line", ["--help --json", "--json --help", "--json", "train vae --help --json"])
def test_help_for_programs_is_one_object(daedal, line):
    answer = daedal(*line.split())
    assert answer.status == 0
    assert answer.out.count("\n") == 1
    assert answer.json.keys() == {"help"}
    assert answer.json["help"].startswith("Usage: daedal")


def test_the_version_for_programs_is_one_object(daedal):
    from daedal.version import VERSION

    assert daedal("--version", "--json").json == daedal("--json", "--version").json == {"version": VERSION}
