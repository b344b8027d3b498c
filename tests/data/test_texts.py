"""A person's own texts: what stands in the file comes back, and what cannot be used is told in one sentence."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daedal.cli.main import run
from daedal.data import load_data
from daedal.data.describe import contact_sheet, describe
from daedal.data.tokens import UNKNOWN, Vocabulary, is_text, split_words
from daedal.errors import DataError, UsageError
from daedal.spaces import Labels, Vectors

LINES = [f"The {noun} {verb}{mark}" for noun in ("cat", "dog", "bird", "fish") for verb in "abcde" for mark in ".?"]


def written(tmp_path, text, name="sentences.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def texts(data, split="train", field="x"):
    items = getattr(data, split)
    return Vocabulary.of(data.fields[field]).decode(items.gather(range(len(items)), [field])[field].numpy())


def known(data, field="x"):
    return set(data.fields[field].names[2:])


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_each_line_is_a_sentence(tmp_path, ending, mark):
    content = mark + ending.join(["", *LINES[:20], "  ", *LINES[20:], "", ""]).encode()
    data = load_data(written(tmp_path, content))
    assert sorted(texts(data) + texts(data, "test")) == sorted(LINES)
    assert data.name == "sentences"
    assert data.fingerprint == load_data(written(tmp_path, "\n".join(LINES))).fingerprint


def test_words_are_those_of_the_training_split(tmp_path):
    lines = [f"word{k} again" for k in range(50)]
    data = load_data(written(tmp_path, "\n".join(lines)))
    assert known(data) == {word for text in texts(data) for word in text.split()}
    assert set(texts(data, "test")) == {f"{UNKNOWN} again"}
    assert describe(data).texts["x"]["unknown"] == 0.5


def test_equal_sentences_stay_on_one_side(tmp_path):
    data = load_data(written(tmp_path, "\n".join(f"a  {k % 30}\n a {k % 30}" for k in range(60))))
    assert not set(texts(data)) & set(texts(data, "test"))
    assert len(data.train) + len(data.test) == 120


def test_only_the_most_frequent_words(tmp_path):
    data = load_data(written(tmp_path, "\n".join(["a b", "a c", "a b d", "b a"] * 5)), words=2)
    assert known(data) == {"a", "b"}
    assert f"a {UNKNOWN}" in texts(data) + texts(data, "test")


def test_long_sentences_are_cut_and_that_is_told(tmp_path):
    lines = [" ".join(["w"] * k) for k in range(1, 31)]
    data = load_data(written(tmp_path, "\n".join(lines)), length=10)
    assert data.fields["x"].shape == (10,)
    assert max(len(text.split()) for text in texts(data)) == 10
    assert "20 were longer and are cut" in str(describe(data))


def test_n_chooses_before_words_are_learnt(tmp_path):
    path = written(tmp_path, "\n".join(f"w{k}" for k in range(100)))
    data = load_data(path, n=20, seed=3)
    assert len(data.train) + len(data.test) == 20
    assert len(known(data)) == len(data.train)
    assert load_data(path, n=20, seed=4).fingerprint != data.fingerprint


def test_it_is_recorded_and_loads_again(tmp_path, monkeypatch):
    written(tmp_path, "\n".join(LINES), "a.txt")
    written(tmp_path, "\n".join(LINES), "b.de")
    monkeypatch.chdir(tmp_path)
    for source in ("a.txt", "parallel:a.txt,b.de"):
        data = load_data(source, words=5, length=3, n=12)
        record = json.loads(json.dumps(data.source))
        monkeypatch.chdir("/")
        assert load_data(**record).fingerprint == data.fingerprint
        monkeypatch.chdir(tmp_path)


def test_two_files_line_by_line(tmp_path):
    one = written(tmp_path, "\n".join(["one", "", "two", "three", "four"]), "en.txt")
    other = written(tmp_path, "\n".join(["eins", "", "zwei", "drei", "vier", "", ""]), "de.txt")
    data = load_data(f"parallel:{one},{other}")
    assert list(data.fields) == ["a", "b"]
    words = dict(zip(("one", "two", "three", "four"), ("eins", "zwei", "drei", "vier"), strict=True))
    assert [words[text] for text in texts(data, field="a")] == texts(data, field="b")
    assert data.name == "en-de"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "'sentences.txt' has no sentences; give it one a line"),
        (b"\n \n\t\n", "has no sentences"),
        ("é\nè\n".encode("latin-1"), r"is no text in UTF-8 \(line 1\); save it as text in UTF-8"),
        ("ok\nok\nécole\n".encode("latin-1"), r"\(line 3\)"),
        ("ok\n".encode("utf-16"), "is in UTF-16; save it"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "'sentences.txt' is no text; save"),
        (b"a\0\nb\0\n", "none of the 2 items of 'sentences.txt' can be used"),
    ],
)
def test_what_is_no_text(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        load_data(written(tmp_path, content))


def test_a_line_that_cannot_be_used_is_named_or_left_out(tmp_path):
    path = written(tmp_path, "fine\n\nbad\0one\nalso\x1b[2Jbad\nfine too\n")
    with pytest.raises(DataError, match=r"2 of 4 items of 'sentences\.txt' cannot be used") as caught:
        load_data(path)
    problems = [r"line 3 has a control character, \x00", r"line 4 has a control character, \x1b"]
    assert caught.value.problems == problems
    with pytest.warns(UserWarning, match="left out 2 items"):
        data = load_data(path, skip_bad=True)
    assert len(data.train) + len(data.test) == 2
    assert describe(path).problems == problems


def test_files_that_do_not_fit_together(tmp_path):
    three, two = written(tmp_path, "a\nb\nc", "three.txt"), written(tmp_path, "a\nb", "two.txt")
    gap = written(tmp_path, "a\n\nc", "gap.txt")
    with pytest.raises(DataError, match=r"'three\.txt' has 3 and 'two\.txt' has 2 lines; give them as many"):
        load_data(f"parallel:{three},{two}")
    with pytest.raises(DataError, match=r"line 2 of gap\.txt is blank, and that of the other file is not"):
        load_data(f"parallel:{three},{gap}")
    for source in ("parallel:", "parallel:a.txt", "parallel:a.txt,", "parallel:a,b,c"):
        with pytest.raises(UsageError, match=r"must name two files; write parallel:ONE\.txt,OTHER\.txt"):
            load_data(source)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_data(f"parallel:{three},{tmp_path / 'none.txt'}")
    with pytest.raises(FileNotFoundError, match="is no file"):
        load_data(f"parallel:{three},{tmp_path}")


@pytest.mark.parametrize(
    "options", [{"words": 0}, {"length": 0}, {"size": 8}, {"mirror": True}, {"n": 1}, {"wrods": 3}]
)
def test_options_that_cannot_be_used(tmp_path, options):
    with pytest.raises(UsageError, match=f"'{next(iter(options))}'"):
        load_data(written(tmp_path, "\n".join(LINES)), **options)
    with pytest.raises(UsageError, match="It is an option of text files only"):
        load_data("digits", words=3)


word = st.text("abZßéжש中٣1_", min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(word | st.sampled_from(".,?!-'"), min_size=1, max_size=8).map(" ".join), min_size=1, max_size=6)
)
def test_encoding_keeps_every_word(sentences):
    vocabulary = Vocabulary.fit(sentences)
    ids = vocabulary.encode(sentences)
    assert vocabulary.space.check(_tensor(ids)).shape == (len(sentences), vocabulary.length)
    decoded = vocabulary.decode(ids)
    assert [split_words(text) for text in decoded] == [split_words(text) for text in sentences]
    assert (vocabulary.encode(decoded) == ids).all()
    assert Vocabulary.of(vocabulary.space) == vocabulary


def _tensor(ids: np.ndarray):
    import torch

    return torch.from_numpy(ids)


def test_unknown_words_stay_unknown():
    vocabulary = Vocabulary.fit(["a question?", f"an {UNKNOWN} word"])
    assert vocabulary.decode(vocabulary.encode(["a word?"])) == ["a word?"]
    assert vocabulary.encode([f"{UNKNOWN} dog"])[0].tolist() == [1, 1, 0]


def test_which_fields_are_text():
    assert is_text(Vocabulary.fit(["a b"]).space)
    assert not any(map(is_text, [Vectors(3), Labels(3), Labels(2, (4,)), Labels(2, (4,), ("a", "b"))]))


def test_sheets_show_sentences(tmp_path):
    def ink(data):
        sheet = np.asarray(contact_sheet(data, tmp_path / "sheet.png").convert("L"))
        return (sheet < 128).any(1)

    one = ink(load_data(written(tmp_path, "\n".join(LINES))))
    lines = np.flatnonzero(one[1:] & ~one[:-1])
    assert len(lines) >= 24  # rows of text; the dots of an i may be one more
    assert ink(load_data("language:toy", n=100)).any()
    assert ink(load_data("language:toy", n=100, paired=True)).any()


def test_descriptions(tmp_path):
    unpaired, paired = describe("language:toy", n=200), describe("language:toy", n=200, paired=True)
    assert unpaired.n == paired.n == 200
    assert unpaired.sides["a"] + unpaired.sides["b"] == unpaired.train == paired.train
    assert unpaired.duplicates == unpaired.shared == paired.duplicates == paired.shared == 0
    assert unpaired.texts["a"]["shortest"] >= 3
    assert "test pairs" in str(unpaired)
    json.dumps(unpaired.to_json())
    twice = describe(written(tmp_path, "\n".join([*LINES, *LINES])))
    assert (twice.n, twice.duplicates) == (80, 40)
    others = describe(written(tmp_path, "\n".join(f"word{k} again" for k in range(50))))
    assert others.duplicates == 0  # though words that training has not are one token


@pytest.mark.parametrize(
    "words", [["pixelcnn", "{}"], ["vae", "{}"], ["vae", "language:toy", "--paired", "--x", "b", "--limit", "100"]]
)
def test_no_system_takes_texts_yet_and_says_so_in_a_sentence(tmp_path, capsys, words):
    path = written(tmp_path, "\n".join(LINES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status = run(["train", *(word.format(path) for word in words), "--out", str(tmp_path / "run")])
    assert status == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "models" in line
    assert "Labels(" in line
    assert len(line) < 400
