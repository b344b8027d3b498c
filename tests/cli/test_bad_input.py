"""Every kind of bad input that a person has: one sentence that says what to do, status 2 or 1, nothing half-written."""

import gzip
import json
import os
import pickle
import resource
import shutil
import struct
import sys
import zipfile

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from safetensors.torch import load_file, save_file

TINY = ("--hidden", "8", "--latent", "2", "--steps", "2", "--batch-size", "10")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def picture(path, size=(8, 8), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pictures(folder, n=14):
    for i in range(n):
        picture(folder / f"{i}.png", seed=i)
    return folder


def empty_folder(here):
    (here / "src").mkdir()


def text_named_png(here):
    (pictures(here / "src") / "note.png").write_text("hello")


def truncated_jpeg(here):
    whole = picture(pictures(here / "src") / "cut.jpg", (64, 64)).read_bytes()
    (here / "src" / "cut.jpg").write_bytes(whole[: len(whole) // 2])


def zero_bytes(here):
    (pictures(here / "src") / "nothing.png").write_bytes(b"")


def bomb(here):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header
    crc = struct.pack(">I", __import__("zlib").crc32(b"IHDR" + header))
    (pictures(here / "src") / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + crc)


def mixed_sizes(here):
    picture(pictures(here / "src") / "wide.png", (8, 12))


def three_images(here):
    pictures(here / "src", 3)


def array_with_nan(here):
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    x[3, 1] = np.nan
    np.save(here / "src.npy", x)


def wrong_magic_number(here):
    (here / "src").mkdir()
    for name, n in (("train", 20), ("t10k", 5)):
        images = struct.pack(">IIII", 9999, n, 8, 8) + bytes(n * 64)
        labels = struct.pack(">II", 2049, n) + bytes(n)
        (here / "src" / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (here / "src" / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def pickle_that_names_a_class(here):
    folder = here / "src"
    folder.mkdir(parents=True)
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        (folder / name).write_bytes(pickle.dumps({b"data": Evil(), b"labels": [0]}))


def zip_that_climbs(here):
    picture(here / "a.png")
    with zipfile.ZipFile(here / "src.zip", "w") as file:
        file.write(here / "a.png", "../x.png")
    (here / "a.png").unlink()


def link_to_itself(here):
    (here / "src").symlink_to(here / "src")


def pipe(suffix):
    return lambda here: os.mkfifo(here / f"src{suffix}")


def too_large_for_float32(here):
    x = np.random.default_rng(0).normal(size=(20, 2))
    x[3, 1] = 1e308
    np.save(here / "src.npy", x)


def table_too_large_for_float32(here):
    (here / "src.csv").write_text("a,b\n1,2\n3,1e308\n4,5\n")


def nothing(here):
    pass


def unreadable_cache(here, monkeypatch):
    pictures(here / "src")
    (here / "file").write_text("")
    monkeypatch.setenv("DAEDAL_CACHE", str(here / "file" / "cache"))


SOURCES = {  # the source's maker, how it is typed, words of the answer
    "empty folder": (empty_folder, "src", ("no images",)),
    "text named png": (text_named_png, "src", ("note.png", "--skip-bad")),
    "truncated jpeg": (truncated_jpeg, "src", ("cut.jpg", "--skip-bad")),
    "zero bytes": (zero_bytes, "src", ("nothing.png", "--skip-bad")),
    "decompression bomb": (bomb, "src", ("bomb.png", "--skip-bad")),
    "mixed sizes": (mixed_sizes, "src", ("--size",)),
    "three images": (three_images, "src", ("at least 10 training items; this data has 2: add images.",)),
    "array with NaN": (array_with_nan, "src.npy", ("item 3", "--skip-bad")),
    "wrong magic number": (wrong_magic_number, "mnist:src", ("0000270f", "IDX")),
    "pickle that names a class": (pickle_that_names_a_class, "cifar10:src", ("data_batch_1",)),
    "link to itself": (link_to_itself, "src", ("'src' does not exist",)),
    **{f"pipe{suffix}": (pipe(suffix), f"src{suffix}", ("no regular file",)) for suffix in (".npy", ".npz", ".csv")},
    "zip that is a pipe": (pipe(".zip"), "src.zip", ("no regular file",)),
    "array too large for float32": (too_large_for_float32, "src.npy", ("item 3", "over 3.4e38", "--skip-bad")),
    "table too large for float32": (table_too_large_for_float32, "src.csv", ("'1e308'", "3.4e38", "--skip-bad")),
    **{
        f"home of nobody in {typed}": (nothing, typed, ("~nosuch-user/x", "home folder of nobody"))
        for typed in ("~nosuch-user/x", "mnist:~nosuch-user/x", "~nosuch-user/x.txt", "parallel:~nosuch-user/x,b.txt")
    },
    "zip that climbs": (zip_that_climbs, "src.zip", ("../x.png",)),
}


def one_sentence(answer, status, *words):
    assert answer.status == status, answer.err
    assert answer.out == ""
    assert answer.err.startswith("daedal: ")
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


@pytest.mark.parametrize("case", list(SOURCES))
def test_a_bad_source_is_status_2_and_leaves_nothing(daedal, tmp_path, case):
    make, typed, words = SOURCES[case]
    make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    one_sentence(daedal("train", "vae", typed, "--out", "run", *TINY), 2, *words)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_cache_that_cannot_be_written_is_named(daedal, tmp_path, monkeypatch):
    unreadable_cache(tmp_path, monkeypatch)
    one_sentence(daedal("train", "vae", "src", "--out", "run", *TINY), 2, "DAEDAL_CACHE")


def test_training_inside_its_source_does_not_change_it(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures(tmp_path / "src"))
    assert daedal("train", "vae", ".", *TINY).status == 0
    assert daedal("sample", "runs/vae-src", "--n", 2).status == 0
    answer = daedal("train", "--resume", "runs/vae-src", "--steps", 3)
    assert answer.status == 0, answer.err


def test_pictures_are_not_written_among_the_images_that_were_read(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures(tmp_path / "src"))
    assert daedal("train", "vae", ".", "--out", "../run", *TINY).status == 0
    (tmp_path / "link").symlink_to(tmp_path / "src")
    before = sorted(tmp_path.rglob("*"))
    for out in ("grid.png", "samples", "../link/more/grid.png"):
        one_sentence(daedal("sample", "../run", "--n", 2, "--out", out), 2, "lies in the folder of images", "--out")
    one_sentence(daedal("data", ".", "--out", "sheet.png"), 2, "'sheet.png' lies in the folder of images", "--out")
    assert sorted(tmp_path.rglob("*")) == before
    assert daedal("sample", "../run", "--n", 2, "--out", "numbers.npy").status == 0  # no image
    assert daedal("sample", "../run", "--n", 2, "--out", ".mine/grid.png").status == 0  # passed over by its name
    assert daedal("sample", "../run", "--n", 2, "--out", "../grid.png").status == 0


def test_a_folder_may_be_called_like_a_text(daedal, tmp_path):
    pictures(tmp_path / "photos.txt")
    answer = daedal("train", "vae", "photos.txt", "--mirror", *TINY)
    assert answer.status == 0, answer.err


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
def test_a_path_need_not_be_utf8(daedal, tmp_path):
    name = os.fsdecode(b"p\xff")
    pictures(tmp_path / name)
    (tmp_path / f"{name}.csv").write_text("a,b\n" + "1,2\n3,4\n" * 10)
    (tmp_path / f"{name}.txt").write_text("one two\nthree four\n" * 10)
    for suffix in ("", ".csv", ".txt"):
        answer = daedal("data", name + suffix, "--json")
        assert answer.status == 0, answer.err
    assert daedal("train", "vae", name, "--out", "run", *TINY).status == 0
    assert daedal("sample", "run", "--out", f"{name}.png", "--json").status == 0
    assert daedal("train", "--resume", "run", "--steps", 3).status == 0
    one_sentence(daedal("train", "vae", name, "--out", f"{name}-run", *TINY), 2, "no text in UTF-8", "another --out")
    assert daedal("data", f"{name}.png").err.startswith(r"daedal: 'p\udcff.png' is of no kind")


def test_bad_items_are_told_on_stderr_for_programs_too(daedal, tmp_path):
    array_with_nan(tmp_path)
    answer = daedal("data", "src.npy", "--json")
    assert answer.status == 2
    assert answer.err == f"daedal: {answer.json['error']['message']}\n"


def test_a_full_disk_under_the_cache_is_work_that_failed(daedal, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    pictures(tmp_path / "src")
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "cache"))
    assert daedal("train", "vae", "src", "--out", "before", *TINY).status == 0
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "new"))
    monkeypatch.setattr("daedal.data.cache.Draft.put", full)
    one_sentence(daedal("train", "vae", "src", "--out", "run", *TINY), 1, "is full", "DAEDAL_CACHE")
    one_sentence(daedal("train", "--resume", "before", "--steps", 9), 1, "is full", "DAEDAL_CACHE")


# -- runs


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    from daedal import load_data, train

    folder = tmp_path_factory.mktemp("runs") / "run"
    train("vae", load_data("digits", n=60), steps=2, save_every=1, out=folder, hidden=(8,), latent=2, batch_size=10)
    return folder


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_weights_cut_in_half(daedal, run):
    cut(run / "weights.safetensors")
    one_sentence(daedal("sample", "run"), 2, "weights.safetensors is damaged")


def test_weights_of_another_shape(daedal, run):
    tensors = load_file(run / "weights.safetensors")
    name = next(key for key in sorted(tensors) if tensors[key].ndim == 2)
    save_file(tensors | {name: tensors[name][:-1].clone()}, run / "weights.safetensors")
    one_sentence(daedal("sample", "run"), 2, name, "has shape")


@pytest.mark.parametrize("command", [("sample", "run", "--n", 3, "--out", "x.png"), ("evaluate", "run", "--n", 3)])
def test_a_model_that_has_diverged_is_told_instead_of_shown(daedal, tmp_path, run, command):
    tensors = load_file(run / "weights.safetensors")
    diverged = {name: t * float("nan") if t.is_floating_point() else t for name, t in tensors.items()}
    save_file(diverged, run / "weights.safetensors")
    one_sentence(daedal(*command), 1, "3 of 3 samples of 'vae' are not finite, so its training has diverged")
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("command", [("sample", "run"), ("evaluate", "run"), ("train", "--resume", "run")])
def test_a_run_of_an_unknown_version(daedal, run, command):
    record = json.loads((run / "system.json").read_text())
    (run / "system.json").write_text(json.dumps(record | {"format": 99}))
    one_sentence(daedal(*command), 2, "has format 99, this version reads 1; use the Daedal that wrote it")


def test_one_checkpoint_cut_is_named_and_the_one_before_is_used(daedal, run):
    newest = max((run / "training").glob("step-*.safetensors"))
    cut(newest)
    answer = daedal("train", "--resume", "run", "--steps", 3)
    assert answer.status == 0
    assert newest.name in answer.err


def test_every_checkpoint_cut(daedal, run):
    for file in (run / "training").glob("step-*.safetensors"):
        cut(file)
    one_sentence(daedal("train", "--resume", "run", "--steps", 3), 2, "no whole checkpoint")


def test_an_output_folder_that_holds_another_run(daedal, run):
    one_sentence(daedal("train", "vae", "digits", "--out", "run", *TINY), 2, "run is not empty", "--overwrite")


def test_a_run_that_another_trainer_holds(daedal, run):
    with FileLock(run / "training" / "lock"):
        one_sentence(daedal("train", "--resume", "run", "--steps", 3), 2, "is being trained by another process")


def test_another_fingerprint_on_resume(daedal, run):
    file = run / "training" / "run.json"
    record = json.loads(file.read_text())
    record["source"]["n"] = 61
    file.write_text(json.dumps(record))
    one_sentence(daedal("train", "--resume", "run", "--steps", 3), 2, "the fingerprints differ")


WHOLE = "run has no training/run.json, which says how it was trained, and on what; take a whole copy"


def test_a_run_without_what_only_training_needs(daedal, run):
    shutil.rmtree(run / "training")
    one_sentence(daedal("train", "--resume", "run"), 2, f"{WHOLE}.")
    one_sentence(daedal("evaluate", "run"), 2, f"{WHOLE}, or name a source after it.")
    assert f"the model not looked at: {WHOLE}." in daedal("doctor", "run").out


@pytest.fixture
def of_pictures(tmp_path):
    """A run that was trained on a folder of images."""
    from daedal import load_data, train

    train("vae", load_data(pictures(tmp_path / "src")), steps=1, out=tmp_path / "run", hidden=(8,), latent=2)


def test_a_source_that_has_moved(daedal, tmp_path, of_pictures):
    (tmp_path / "src").rename(tmp_path / "elsewhere")
    gone = f"its data is not as it was ('{tmp_path / 'src'}' does not exist); put that right"
    one_sentence(daedal("train", "--resume", "run", "--steps", 2), 2, gone)
    one_sentence(daedal("evaluate", "run"), 2, f"'{tmp_path / 'src'}' does not exist", "put that right, or name a")
    assert f"its data cannot be loaded ('{tmp_path / 'src'}' does not exist)." in daedal("doctor", "run").out


def test_a_source_that_has_spoilt_is_told_without_flags_that_resuming_refuses(daedal, tmp_path, of_pictures):
    text_named_png(tmp_path)
    answer = daedal("train", "--resume", "run", "--steps", 2)
    one_sentence(answer, 2, "its data is not as it was (1 of 15 images", "note.png: not an image")
    assert "--" not in answer.err


def test_metrics_none_of_which_applies(daedal, run):
    told = "'metrics' of evaluate must name one that applies to run and this data; got 'class-accuracy'."
    one_sentence(daedal("evaluate", "run", "--metrics=class-accuracy", "--n", 3), 2, told)


def test_no_metric_at_all(daedal, run):
    told = "'metrics' of evaluate must name a metric; leave it out for all of them."
    one_sentence(daedal("evaluate", "run", "--metrics=,", "--n", 3), 2, told)


def described(part, value):
    """A record of settings in which one part has another value."""
    return lambda record: json.dumps({**record, part: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: '{"format": 1}', "run.json is damaged (it does not say 'settings')"),
        (described("settings", {"steps": 2, "foo": 1}), "run.json is damaged (there is no setting 'foo')"),
        (described("settings", {"steps": -1}), "run.json is damaged ('steps' of train must be an integer in [1, inf)"),
        (described("source", "digits"), "run.json is damaged (it does not say 'source')"),
        (described("stage_steps", [1, 1]), "run is damaged: it has steps for 2 stages, not for 1"),
        (lambda record: "[" * 100_000, "run.json is damaged (maximum recursion depth"),
    ],
)
def test_settings_that_training_never_wrote(daedal, run, change, words):
    file = run / "training" / "run.json"
    file.write_text(change(json.loads(file.read_text())))
    one_sentence(daedal("train", "--resume", "run"), 2, words)


@pytest.mark.parametrize(
    "line", [b"5\n", b'{"step": "two"}\n', b'{"error": 5}\n', b"\xff\xfe\n{}\n", b"[" * 100_000 + b"\n{}\n"]
)
@pytest.mark.parametrize("command", [("train", "--resume", "run"), ("doctor", "run")])
def test_a_log_that_training_never_wrote(daedal, run, command, line):
    with (run / "log.jsonl").open("ab") as log:
        log.write(line)
    one_sentence(daedal(*command), 2, "log.jsonl is damaged in line 3; remove that line")


def test_a_last_line_of_the_log_that_was_cut_is_left_out(daedal, run):
    whole = (run / "log.jsonl").read_bytes()
    for cut_line in (b'{"step": 3, "mod', b'{"step": 3, "\xc3'):
        (run / "log.jsonl").write_bytes(whole + cut_line)
        assert daedal("train", "--resume", "run", "--steps", 3).status == 0
        assert (run / "log.jsonl").read_bytes().startswith(whole)


@pytest.mark.parametrize(
    "command", [("sample", "run"), ("evaluate", "run"), ("doctor", "run"), ("train", "--resume", "run")]
)
def test_a_description_nested_without_end(daedal, run, command):
    (run / "system.json").write_text("[" * 100_000)
    one_sentence(daedal(*command), 2, "system.json is damaged (maximum recursion depth")


def test_settings_cut_in_half(daedal, run):
    cut(run / "training" / "run.json")
    one_sentence(daedal("train", "--resume", "run", "--steps", 3), 2, "run.json is damaged")


KEPT = (
    "File too large ('run/training/step-0000000003-rank0.safetensors'); ",
    "what was saved before is kept: free some space and go on with: daedal train --resume run",
)


def test_a_full_disk_while_resuming_keeps_what_was_saved(daedal, run):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        one_sentence(daedal("train", "--resume", "run", "--steps", 4), 1, *KEPT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert daedal("train", "--resume", "run", "--steps", 4).status == 0
    assert daedal("sample", "run").status == 0


def test_what_strangers_named_does_not_reach_the_terminal_as_it_is(daedal, tmp_path):
    evil = "\x1b[31mevil"
    np.savez(tmp_path / "good.npz", x=np.zeros((30, 2)), **{evil: np.arange(30) % 3})
    np.savez(tmp_path / "bad.npz", x=np.zeros((30, 2)), **{evil: np.arange(5)})
    (tmp_path / f"{evil}.csv").write_text("a,b\n1,2\n3,x\n4,5\n")
    for typed in (("good.npz",), ("bad.npz",), (f"{evil}.csv",), (f"toy:{evil}",)):
        told = daedal("data", *typed)
        assert "\x1b" not in told.out + told.err
        assert r"\x1b[31m" in told.out + told.err
