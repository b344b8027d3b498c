import dataclasses

import pytest

from daedal.declare import Paper
from daedal.systems import catalogue
from daedal.systems.citation import authors, bibtex, sentence

ENTRY = catalogue.find("vae")


def of(**changes):
    paper = Paper(title="A Study of Marble", authors="Doe, J. and Roe, R.-M.", year=1999)
    return dataclasses.replace(ENTRY, paper=dataclasses.replace(paper, **changes))


def test_conference_journal_and_preprint_have_their_own_kinds():
    assert bibtex(of(venue="ICML")).startswith("@inproceedings{doe1999study,")
    assert "booktitle = {ICML}" in bibtex(of(venue="ICML"))
    assert bibtex(of(venue="Journal of Stone")).startswith("@article{")
    assert "journal = {Journal of Stone}" in bibtex(of(venue="Journal of Stone"))
    assert bibtex(of(arxiv="9901.00001")).startswith("@misc{")
    assert "eprint = {9901.00001}" in bibtex(of(arxiv="9901.00001"))


def test_authors_are_joined_as_bibtex_wants():
    three = of(authors="van den Oord, A., Müller, Ö. and Roe, R.-M.")
    assert "author = {van den Oord, A. and Müller, Ö. and Roe, R.-M.}" in bibtex(three)
    assert bibtex(three).startswith("@misc{vandenoord1999study,")


@pytest.mark.parametrize("name", list(catalogue.entries()))
def test_every_paper_has_authors_with_initials_and_balanced_braces(name):
    entry = catalogue.find(name)
    assert all(", " in author for author in authors(entry.paper))
    text = bibtex(entry)
    assert text.count("{") == text.count("}")
    assert str(entry.paper.year) in sentence(entry.paper)
