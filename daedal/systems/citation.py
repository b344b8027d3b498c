"""How to cite a system's paper. Imports no torch."""

from __future__ import annotations

import re
import unicodedata

from daedal.declare import Paper
from daedal.systems.catalogue import Entry


def bibtex(entry: Entry) -> str:
    """The BibTeX entry of a system's paper."""
    paper = entry.paper
    journal = any(word in paper.venue.lower() for word in ("journal", "transactions", "review", "neuroscience"))
    fields = {
        "title": f"{{{paper.title}}}",
        "author": " and ".join(authors(paper)),
        "year": str(paper.year),
        "journal" if journal else "booktitle": paper.venue,
        "eprint": paper.arxiv,
        "archivePrefix": "arXiv" if paper.arxiv else "",
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    kind = "article" if journal else "inproceedings" if paper.venue else "misc"
    return f"@{kind}{{{_key(paper)},\n" + ",\n".join(lines) + "\n}"


def authors(paper: Paper) -> list[str]:
    """The authors one by one, 'Surname, Initials' each.

    >>> authors(Paper("", "van den Oord, A., Li, Y.-X. and Babuschkin, I.", 2018))
    ['van den Oord, A.', 'Li, Y.-X.', 'Babuschkin, I.']
    """
    found = re.findall(r"[^,]+, (?:[^\W\d_]\.[ -]?)+", paper.authors.replace(" and ", ", "))
    return [name.strip(" ,") for name in found] or [paper.authors]


def sentence(paper: Paper) -> str:
    """Authors (year). Title. Venue. arXiv number."""
    where = ". ".join(part for part in (paper.venue, paper.arxiv and f"arXiv:{paper.arxiv}") if part)
    *others, last = authors(paper)
    names = f"{', '.join(others)} and {last}" if others else last
    return f"{names} ({paper.year}). {paper.title}." + (f" {where}." if where else "")


def _key(paper: Paper) -> str:
    """First author's name, year and the first long word of the title: kingma2014auto."""
    author = authors(paper)[0].split(",")[0]
    word = next((w for w in re.findall(r"[A-Za-z]+", paper.title) if len(w) > 3), "")
    plain = unicodedata.normalize("NFKD", f"{author}{paper.year}{word}").encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())
