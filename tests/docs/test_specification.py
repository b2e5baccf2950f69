"""docs/specification.md has every section that is cited, and every name that the code gives to others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sims_sync.config.limits import LIMITS
from sims_sync.config.school_entry import School
from sims_sync.model.findings import CODES
from sims_sync.runs.documents import STAGES

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "specification.md").read_text("utf-8")
SECTIONS = {
    number: text.partition("\n")[2]
    for number, text in re.findall(r"^## (\d+)\. (.+?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}

_GAP = r"[\s#]+"  # a citation may go on in the next line, of a comment too
_NUMBER = r"\d+(?:\.\d+)*"
CITATION = re.compile(
    rf"(?P<other>(?:RFC|SOAP|WS-Security|Profile){_GAP}[\d.]+,?{_GAP})?"
    rf"[Ss]ections?{_GAP}(?P<numbers>{_NUMBER}(?:(?:,|{_GAP}and|{_GAP}to){_GAP}{_NUMBER})*)"
)


def cited(text: str) -> set[str]:
    """The sections of the specification that a text cites; "3 and 5 to 7" are four of them."""
    numbers: set[str] = set()
    for found in CITATION.finditer(text):
        if found["other"]:
            continue
        words = re.findall(rf"to|{_NUMBER}", found["numbers"])
        numbers |= set(words) - {"to"}
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            if word == "to":
                numbers |= set(map(str, range(int(before), int(after))))
    return numbers


def _citing() -> Iterator[tuple[Path, str]]:
    suffixes = {".py", ".md", ".json", ".wsdl", ".yaml", ".html", ".css", ".js", ".txt"}
    for folder in ("include", "dags", "plugins", "docker", "docs", "tests"):
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.suffix in suffixes and path != Path(__file__):
                yield path.relative_to(PROJECT), path.read_text("utf-8")


def test_every_section_that_is_cited_is_there() -> None:
    citations = [(path, number) for path, text in _citing() for number in cited(text)]
    assert len(citations) > 100
    missing = [f"{path} cites section {number}" for path, number in citations if number not in SECTIONS]
    assert not missing


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("SPEC section 4", {"4"}),
        ("(SPEC sections 3 and 5 to 7)", {"3", "5", "6", "7"}),
        ("as section 12 says, SPEC sections 2,\n    # 4 and 5", {"12", "2", "4", "5"}),
        ("SPEC section 3.2", {"3.2"}),
        ("RFC 7644 section 3.4, RFC 9112, section 7.1 and WS-Security 1.1, section 12", set()),
    ],
)
def test_citations_are_told_from_those_of_other_documents(text: str, sections: set[str]) -> None:
    assert cited(text) == sections


def test_the_sections_are_numbered_from_1_on() -> None:
    assert list(SECTIONS) == [str(number) for number in range(1, len(SECTIONS) + 1)]


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"`(include/[\w./-]+)`", TEXT)
    assert named
    assert not [name for name in named if not (PROJECT / name).exists()]


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("5", set(CODES)),
        ("7", set(LIMITS)),
        ("11", set(School.model_fields)),
        ("11", set(STAGES)),
    ],
    ids=["codes", "limits", "keys of a school", "tasks"],
)
def test_every_name_that_others_build_on_stands_in_its_section(section: str, names: set[str]) -> None:
    assert not names - set(re.findall(r"`(\w+)`", SECTIONS[section]))


def test_the_limits_have_the_defaults_of_the_code() -> None:
    rows = re.findall(r"\| `(\w+)` \| percent ([\d.]+), floor (\d+) \|", SECTIONS["7"])
    assert rows == [(key, f"{limit.percent:g}", str(limit.floor)) for key, limit in LIMITS.items()]
