"""The toy languages: what is stated of them is found again in the test pairs alone, without the grammar's own code."""

import itertools
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from daedal.data import load_data
from daedal.data.language import corpus, draw
from daedal.data.language.grammar import parse, translate
from daedal.data.language.lexicon import dictionary, lexicon
from daedal.data.tokens import Vocabulary
from daedal.errors import DataError, UsageError

LETTERS = {"article": "D", "adjective": "A", "noun": "N", "adverb": "R", "preposition": "P"}
LETTERS |= {"conjunction": "C", "relative": "Q"}


def letter(entry):
    return LETTERS.get(entry.kind) or ("V" if entry.transitive else "I")


LETTER = {form: letter(entry) for entry in lexicon() for side in "ab" for form in entry.forms(side)}
NOUNS = {form: entry for entry in lexicon() if entry.kind == "noun" for form in entry.forms("a")}
MANY_A = {entry.forms("a")[1] for entry in lexicon() if entry.kind in ("noun", "verb")}
MANY_B = {form for entry in lexicon() if entry.kind in ("noun", "verb") for form in entry.forms("b")[1::2]}


def texts(data, split, field):
    return Vocabulary.of(data.fields[field]).decode(split.gather(range(len(split)), [field])[field].numpy())


@pytest.fixture(scope="module")
def data():
    return load_data("language:toy", n=16_000)


@pytest.fixture(scope="module")
def halves(data):
    return {side: texts(data, data.train[side], side) for side in "ab"}


@pytest.fixture(scope="module")
def pairs(data):
    a, b = (texts(data, data.test, side) for side in "ab")
    return [(one.split(), other.split()) for one, other in zip(a, b, strict=True)]


def found_lexicon(pairs):
    """Words that stand in the same sentences translate each other; so do two that share those of a third."""
    where = [defaultdict(set), defaultdict(set)]
    for k, pair in enumerate(pairs):
        for side, words in enumerate(pair):
            for word in words:
                where[side][word].add(k)
    by_place = {frozenset(places): word for word, places in where[1].items()}
    one = {a: by_place[frozenset(places)] for a, places in where[0].items() if frozenset(places) in by_place}
    left = [b for b in where[1] if b not in one.values()]
    unions = defaultdict(list)
    for two in itertools.combinations(left, 2):
        unions[frozenset(where[1][two[0]] | where[1][two[1]])].append(two)
    two = {a: unions[frozenset(places)] for a, places in where[0].items() if a not in one}
    assert all(len(found) == 1 for found in two.values())
    return one, {a: set(found[0]) for a, found in two.items()}


def by_the_rules(words):
    """Places of the words of `a` in the order of `b`: the stated rules as substitutions on a marked text."""
    text = " ".join(f"{k}:{LETTER[word]}" for k, word in enumerate(words))
    text = re.sub(r"(\d+:A) (\d+:N)", r"\2 \1", text)
    text = re.sub(r"(\d+:Q) (\d+):V (\d+:D \d+:N(?: \d+:A)?)", r"\1 \3 \2:v", text)
    text = re.sub(r"(\d+:Q) (\d+):I", r"\1 \2:v", text)
    clauses = [re.sub(r"(\d+:[VI]) (.*)", r"\2 \1", clause) for clause in re.split(r" (?=\d+:C)", text)]
    return [int(mark.split(":")[0]) for clause in clauses for mark in clause.split()]


def deciding_noun(words, at):
    """The noun that a word of `a` goes with: the next one; of a verb, its subject."""
    kinds = [LETTER[word] for word in words]
    if kinds[at] not in "VI":
        return words[kinds.index("N", at)]
    if kinds[at - 1] == "Q":
        return words[at - 2]
    start = max((k for k in range(at) if kinds[k] == "C"), default=0)
    return words[kinds.index("N", start)]


def test_there_are_as_many_words_as_stated(data):
    assert 50 <= len(dictionary()) <= 200
    assert data.fields["a"].classes == 2 + 166
    assert data.fields["b"].classes == 2 + 174
    assert 0.04 <= sum(len(found) == 2 for found in dictionary().values()) / len(dictionary()) <= 0.06
    forms = [form for entry in lexicon() for side in "ab" for form in entry.forms(side)]
    assert len(forms) == len(set(forms)) == 166 + 174
    assert all(re.fullmatch("[a-z]{2,11}", form) for form in forms)


def test_the_lexicon_is_found_from_the_test_pairs(pairs):
    one, two = found_lexicon(pairs)
    assert {a: (b,) for a, b in one.items()} == {a: b for a, b in dictionary().items() if len(b) == 1}
    assert two == {a: set(b) for a, b in dictionary().items() if len(b) == 2}


def test_the_rule_of_context_is_found_from_the_test_pairs(pairs):
    chosen = defaultdict(lambda: defaultdict(set))
    for a, b in pairs:
        places = by_the_rules(a)
        for at, word in enumerate(a):
            if len(dictionary()[word]) == 2:
                chosen[word][NOUNS[deciding_noun(a, at)]].add(b[places.index(at)])
    trait = {"D": lambda noun: noun.gender, "A": lambda noun: 0 if noun.animate else 1}
    assert len(chosen) == 8
    for word, found in chosen.items():
        for noun, translations in found.items():
            assert translations == {dictionary()[word][trait.get(LETTER[word], trait["A"])(noun)]}
    for kind in ("D", "A"):  # each noun's gender, and whether it is animate, can be read off
        seen = {noun for word, found in chosen.items() if (LETTER[word] == "D") == (kind == "D") for noun in found}
        assert len(seen) == 40


def test_the_order_is_found_from_the_test_pairs(pairs):
    jumps = defaultdict(set)
    for a, b in pairs:
        if len(set(a)) < len(a):
            continue  # which of two equal words stands where cannot be seen
        place = [next(k for k, word in enumerate(b) if word in options) for options in map(dictionary().get, a)]
        for k, word in enumerate(a):
            jumps[word].add(sum(place[after] < place[k] for after in range(k + 1, len(a))))
    assert {word for word, found in jumps.items() if found == {1}} == {w for w in dictionary() if LETTER[w] == "A"}
    assert {word for word, found in jumps.items() if min(found) > 1} == {w for w in dictionary() if LETTER[w] == "V"}
    others = {word for word, found in jumps.items() if max(found) > min(found) == 0}
    assert len(others) >= 15
    assert {LETTER[word] for word in others} == {"I"}


def test_the_stated_rules_give_every_test_sentence(pairs):
    for a, b in pairs:
        places = by_the_rules(a)
        assert all(word in dictionary()[a[at]] for word, at in zip(b, places, strict=True))
        assert parse(" ".join(a), "a").order() == places


SIMPLE = {"a": "DA?N", "b": "DNA?"}
PHRASE = {"a": f"{SIMPLE['a']}(Q(I|V{SIMPLE['a']}))?", "b": f"{SIMPLE['b']}(Q(I|{SIMPLE['b']}V))?"}
CLAUSE = {
    "a": f"{PHRASE['a']}R?(I|V{PHRASE['a']})(P{SIMPLE['a']})?",
    "b": f"{PHRASE['b']}R?({PHRASE['b']}(P{SIMPLE['b']})?V|(P{SIMPLE['b']})?I)",
}


@pytest.mark.parametrize("side", ["a", "b"])
def test_every_sentence_is_grammatical(halves, pairs, side):
    grammar = re.compile(f"{CLAUSE[side]}(C{CLAUSE[side]})?")
    for text in [*halves[side], *(" ".join(pair["ab".index(side)]) for pair in pairs)]:
        assert grammar.fullmatch("".join(LETTER[word] for word in text.split())), text


def test_verbs_agree_with_their_subject(halves, pairs):
    for words in [*(text.split() for text in halves["a"]), *(a for a, _ in pairs)]:
        for at, word in enumerate(words):
            if LETTER[word] in "VI":
                assert (word in MANY_A) == (deciding_noun(words, at) in MANY_A)
    for a, b in pairs:
        assert [a[at] in MANY_A for at in by_the_rules(a)] == [word in MANY_B for word in b]


def test_articles_agree_with_the_gender_of_their_noun(halves):
    gender = {form: entry.gender for entry in lexicon() if entry.kind == "noun" for form in entry.forms("b")}
    articles = {form: k for entry in lexicon() if entry.kind == "article" for k, form in enumerate(entry.forms("b"))}
    for text in halves["b"]:
        words = text.split()
        for word, noun in itertools.pairwise(words):
            assert word not in articles or articles[word] == gender[noun]


def test_no_sentence_is_in_two_sets(halves, pairs):
    a, b = (set(halves[side]) for side in "ab")
    assert len(a) == len(halves["a"])
    assert len(b) == len(halves["b"])
    assert not {translate(text) for text in a} & b
    assert not {" ".join(pair[0]) for pair in pairs} & a
    assert not {" ".join(pair[1]) for pair in pairs} & b


def test_sets_do_not_depend_on_the_seed():
    one, other = load_data("language:toy", n=600, length=5), load_data("language:toy", n=600, length=5, seed=1)
    a, b = set(texts(one, one.train["a"], "a")), set(texts(other, other.train["b"], "b"))
    tested = set(texts(other, other.test, "a"))
    assert a & set(texts(other, other.train["a"], "a"))
    assert not a & tested
    assert not a & {translate(text) for text in b}
    assert one.fingerprint != other.fingerprint


def test_translation_is_exact_both_ways(pairs):
    for a, b in pairs:
        assert translate(" ".join(a)).split() == b
        assert translate(" ".join(b)).split() == a


def test_the_same_on_every_machine():
    data = load_data("language:toy", n=200)
    assert data.fingerprint == load_data(**data.source).fingerprint
    assert texts(data, data.train["a"], "a")[0] == "vu lolela vevito gule vu tanu"
    assert texts(data, data.train["b"], "b")[0] == "zi kozuho hizowo jeyu"
    assert draw.draw(3, [7, 9])[1] == draw.draw(3, [9])[0] != draw.draw(4, [9])[0]


def test_pairs_to_train_on_are_those_of_both_halves():
    unpaired, paired = load_data("language:toy", n=2000), load_data("language:toy", n=2000, paired=True)
    a, b = (texts(paired, paired.train, side) for side in "ab")
    assert [translate(text) for text in a] == b
    assert set(texts(unpaired, unpaired.train["a"], "a")) < set(a)
    assert set(texts(unpaired, unpaired.train["b"], "b")) < set(b)
    assert len(a) == sum(len(unpaired.train[side]) for side in "ab")
    assert texts(unpaired, unpaired.test, "b") == [translate(text) for text in texts(paired, paired.test, "a")]


def test_words_are_those_of_the_training_halves():
    data = load_data("language:toy", n=100)
    for side in "ab":
        seen = {word for text in texts(data, data.train[side], side) for word in text.split()}
        assert seen == set(data.fields[side].names[2:])
    assert (data.test.columns["a"].values == 1).any()  # few sentences: the test has words that training has not


@pytest.mark.parametrize("length", [5, 8, 12, 30])
def test_lengths_are_those_asked_for(length):
    data = load_data("language:toy", n=600, length=length)
    sizes = (data.train["a"].columns["a"].values > 0).sum(1)
    assert data.fields["a"].shape == data.fields["b"].shape == (length,)
    assert len(np.unique(sizes)) >= min(length, 15) - 2
    assert sizes.min() >= 3
    assert sizes.max() <= length


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "language a: it ends where an article should be"),
        ("vu lolela vevito", "it ends where a verb should be"),
        ("vu vevito lolela gule vu tanu", "'lolela' stands where a verb should be"),
        ("vu lolela vevito gulet vu tanu", "'gulet' does not agree with the rest, which asks for 'gule'"),
        ("vu lolela vevito gule vu tanu vu tanu", "should end before 'vu'"),
        ("zi shojicha yoha se chihuwu kayiju", "language b: 'zi' does not agree with the rest, which asks for 'se'"),
        ("se shojicha yoha kayiju", "'kayiju' takes an object"),
        ("vu dog", "'dog' stands where a noun should be"),
    ],
)
def test_what_is_no_sentence(text, why):
    with pytest.raises(DataError, match=why):
        translate(text)


def test_the_page_says_what_is_so():
    page = (Path(__file__).parents[2] / "docs" / "language.md").read_text()
    rows = re.findall(r"^\| ([a-z ]+) \| ([a-z ]+) \| [a-z, ]+ \|$", page, re.MULTILINE)
    assert len(rows) == 5
    assert [translate(a) for a, _ in rows] == [b for _, b in rows]
    words = re.findall(r"^\| ([a-z, ]+) \| (?:article|adjective|verb) \| ([a-z,; ]+) \|", page, re.MULTILINE)
    told = {a: tuple(b) for of_a, of_b in words for a, *b in _by_form(of_a, of_b)}
    assert told == {a: b for a, b in dictionary().items() if len(b) == 2}
    forms = {form: entry for entry in lexicon() for side in "ab" for form in entry.forms(side)}
    nouns = re.findall(r"\*(\w+)\*, \*(\w+)\* \((\w+),\s(\w+)", page)
    assert len(nouns) == 4
    for a, b, animate, gender in nouns:
        assert forms[a] is forms[b]
        assert (forms[a].animate, forms[a].gender) == (animate == "animate", ("first", "second").index(gender))


def _by_form(of_a, of_b):
    """Each form of a row of the page with its two translations: `a, an` and `b, bn; c, cn`."""
    senses = [sense.split(", ") for sense in of_b.split("; ")]
    return zip(of_a.split(", "), *(senses if len(senses) > 1 else ([word] for word in senses[0])), strict=True)


def test_what_cannot_be_asked_for(monkeypatch):
    for options, message in [
        ({"n": 5}, r"'n' \(--limit\) of language:toy must be an integer in \[100, inf\); got 5"),
        ({"size": 8}, "'size' is for images"),
        ({"length": 3}, r"'length' of language:toy must be an integer in \[5"),
        ({"paired": "yes"}, "'paired'"),
    ]:
        with pytest.raises(UsageError, match=message):
            load_data("language:toy", **options)
    with pytest.raises(UsageError, match=r"is no data source; .*Did you mean 'language:toy'"):
        load_data("language:tou")
    monkeypatch.setattr(corpus, "draw", lambda seed, indices: draw.draw(seed, [k % 50 for k in indices]))
    with pytest.raises(UsageError, match=r"hardly more than .* sentences of at most 12 words"):
        load_data("language:toy", n=100)
