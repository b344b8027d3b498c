"""The grammar of the two toy languages, and exact translation both ways.

In `a` the verb stands between subject and object and adjectives before their noun; in `b` the verb stands at the end of
its clause and adjectives after their noun. Everything else stands in the same order:

    sentence   ->  clause | clause conjunction clause
    clause     ->  phrase [adverb] verb [phrase] [preposition simple]       in `b`: the verb last
    phrase     ->  simple | simple relative verb [simple]                   in `b`: the verb last
    simple     ->  article [adjective] noun                                 in `b`: article noun [adjective]

with an object iff the verb is transitive. In both languages a verb agrees in number with its subject (of a relative
clause: the noun before it). In `b` articles agree with the gender of their noun; this and two more rules decide between
two translations (see `daedal.data.language.lexicon`).

>>> translate("vu lolela vevito gule vu tanu")
'se shojicha yoha se chihuwu kayiju'
>>> translate("se shojicha yoha se chihuwu kayiju")
'vu lolela vevito gule vu tanu'
>>> parse("vu lolela vevito gule vu tanu", "a").order()
[0, 2, 1, 4, 5, 3]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from daedal.data.language.lexicon import SIDES, Entry, Kind, Side, lexicon
from daedal.errors import DataError


@dataclass(frozen=True, eq=False)
class Word:
    """A word in its place: two equal ones of a sentence are two."""

    entry: Entry
    many: bool = False
    noun: Entry | None = None  # the one that decides between two translations

    def form(self, side: Side) -> str:
        """As it is written in a language."""
        return self.entry.form(side, self.many, self.entry.sense(self.noun) if self.noun else 0)


@dataclass(frozen=True)
class Predicate:
    """A verb and its object."""

    verb: Entry
    object: Phrase | None


@dataclass(frozen=True)
class Phrase:
    """A noun with its article, one or many, and what is said of it."""

    article: Entry
    adjective: Entry | None
    noun: Entry
    many: bool
    relative: tuple[Entry, Predicate] | None = None  # the relative word, and what follows


@dataclass(frozen=True)
class Clause:
    """Somebody does something."""

    subject: Phrase
    adverb: Entry | None
    predicate: Predicate
    place: tuple[Entry, Phrase] | None  # a preposition and its phrase


@dataclass(frozen=True)
class Sentence:
    """One clause, or two and what joins them; `order` says where the words of `b` stand in `a`."""

    clauses: tuple[Clause, ...]
    joint: Entry | None = None

    def texts(self) -> dict[Side, str]:
        """The sentence in both languages."""
        return {side: " ".join(word.form(side) for word in line) for side, line in self._lines().items()}

    def order(self) -> list[int]:
        """Word k of the sentence in `b` translates word `order()[k]` of the sentence in `a`."""
        lines = self._lines()
        place = {id(word): k for k, word in enumerate(lines["a"])}
        return [place[id(word)] for word in lines["b"]]

    def _lines(self) -> dict[Side, list[Word]]:
        first, *more = [_clause(clause) for clause in self.clauses]
        for clause in more:
            assert self.joint is not None
            first = _joined(first, _same(Word(self.joint)), clause)
        return first


Lines = dict[Side, list[Word]]  # the same words in the order of either language


def _same(*words: Word) -> Lines:
    return {"a": list(words), "b": list(words)}


def _joined(*parts: Lines) -> Lines:
    return {side: [word for part in parts for word in part[side]] for side in SIDES}


def _verb_last(verb: Word, rest: Lines) -> Lines:
    return {"a": [verb, *rest["a"]], "b": [*rest["b"], verb]}


def _clause(clause: Clause) -> Lines:
    subject, (verb, rest) = clause.subject, _predicate(clause.predicate, clause.subject)
    if clause.place:
        rest = _joined(rest, _same(Word(clause.place[0])), _phrase(clause.place[1]))
    adverb = _same(Word(clause.adverb)) if clause.adverb else _same()
    return _joined(_phrase(subject), adverb, _verb_last(verb, rest))


def _predicate(predicate: Predicate, subject: Phrase) -> tuple[Word, Lines]:
    verb = Word(predicate.verb, subject.many, subject.noun)
    return verb, _phrase(predicate.object) if predicate.object else _same()


def _phrase(phrase: Phrase) -> Lines:
    noun = Word(phrase.noun, phrase.many)
    described: Lines = _same(noun)
    if phrase.adjective:
        adjective = Word(phrase.adjective, noun=phrase.noun)
        described = {"a": [adjective, noun], "b": [noun, adjective]}
    simple = _joined(_same(Word(phrase.article, noun=phrase.noun)), described)
    if phrase.relative is None:
        return simple
    word, predicate = phrase.relative
    return _joined(simple, _same(Word(word)), _verb_last(*_predicate(predicate, phrase)))


def translate(text: str) -> str:
    """A sentence of either language in the other one. Raises DataError for what is no sentence of either."""
    side = side_of(text)
    return parse(text, side).texts()["b" if side == "a" else "a"]


def side_of(text: str) -> Side:
    """The language that the first word belongs to; no word is of both."""
    return "b" if text.split()[:1] and text.split()[0] in _entries("b") else "a"


def parse(text: str, side: Side) -> Sentence:
    """The sentence that a text is. Raises DataError for what is none, agreement included."""
    reading = _Reading(text, side)
    sentence = reading.sentence()
    for found, wanted in zip(text.split(), sentence.texts()[side].split(), strict=True):
        if found != wanted:
            raise reading.refusal(f"'{found}' does not agree with the rest, which asks for '{wanted}'")
    return sentence


@cache
def _entries(side: Side) -> dict[str, tuple[Entry, bool]]:
    """Each word form and what it is: its entry, and whether it means many."""
    return {
        word.form(side, many, sense): (word, many)
        for word in lexicon()
        for many in word.numbers
        for sense in range(len(word.b))
    }


class _Reading:
    """Reads a sentence from left to right: one word ahead decides everything."""

    def __init__(self, text: str, side: Side):
        self.words, self.side, self.at = text.split(), side, 0

    def sentence(self) -> Sentence:
        clauses, joint = [self.clause()], None
        if self.next_is("conjunction"):
            joint = self.take("conjunction")[0]
            clauses.append(self.clause())
        if self.at < len(self.words):
            raise self.refusal(f"it should end before '{self.words[self.at]}'")
        return Sentence(tuple(clauses), joint)

    def clause(self) -> Clause:
        subject, adverb = self.phrase(), self.maybe("adverb")
        verb = self.take("verb")[0] if self.side == "a" else None
        object_ = self.object(verb, relative=True)
        place = (self.take("preposition")[0], self.phrase(False)) if self.next_is("preposition") else None
        return Clause(subject, adverb, self.predicate(verb, object_), place)

    def phrase(self, relative: bool = True) -> Phrase:
        article = self.take("article")[0]
        before = self.maybe("adjective") if self.side == "a" else None
        noun, many = self.take("noun")
        adjective = before if self.side == "a" else self.maybe("adjective")
        more = None
        if relative and self.next_is("relative"):
            word = self.take("relative")[0]
            verb = self.take("verb")[0] if self.side == "a" else None
            more = word, self.predicate(verb, self.object(verb, relative=False))
        return Phrase(article, adjective, noun, many, more)

    def object(self, verb: Entry | None, relative: bool) -> Phrase | None:
        there = self.next_is("article") if verb is None else verb.transitive
        return self.phrase(relative) if there else None

    def predicate(self, verb: Entry | None, object_: Phrase | None) -> Predicate:
        verb = verb or self.take("verb")[0]
        if verb.transitive != (object_ is not None):
            raise self.refusal(f"'{self.words[self.at - 1]}' takes {'an' if verb.transitive else 'no'} object")
        return Predicate(verb, object_)

    def next_is(self, kind: Kind) -> bool:
        found = _entries(self.side).get(self.words[self.at]) if self.at < len(self.words) else None
        return found is not None and found[0].kind == kind

    def maybe(self, kind: Kind) -> Entry | None:
        return self.take(kind)[0] if self.next_is(kind) else None

    def take(self, kind: Kind) -> tuple[Entry, bool]:
        if not self.next_is(kind):
            where = f"'{self.words[self.at]}' stands" if self.at < len(self.words) else "it ends"
            raise self.refusal(f"{where} where {'an' if kind[0] == 'a' else 'a'} {kind} should be")
        self.at += 1
        return _entries(self.side)[self.words[self.at - 1]]

    def refusal(self, why: str) -> DataError:
        text = " ".join(self.words)
        return DataError(f"'{text[:80]}' is no sentence of language {self.side}: {why}.")
