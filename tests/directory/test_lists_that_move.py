"""A list in pages while others write, or whose total lies: it is whole, or it is refused (SPEC section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.directory.listing import QueryRefused, list_accounts
from sims_sync.directory.mapping import STANDARD
from sims_sync.model.errors import TransientFault, UnexpectedAnswer

Between = Callable[[list[str]], object]


class Listed:
    """A directory that lists ids in their order.

    :param page_size: the most accounts in one answer.
    :param between: what others do to the list after the first, second, ... answer; nothing after those.
    :param total: from the true number of accounts to what ``totalResults`` says.
    :param whole_pages: the server takes `startIndex` for the number of a page, as many do.
    """

    def __init__(
        self,
        ids: list[str],
        page_size: int,
        *between: Between,
        total: Callable[[int], int] = lambda true: true,
        whole_pages: bool = False,
    ) -> None:
        self.ids, self.page_size, self.total, self.whole_pages = list(ids), page_size, total, whole_pages
        self.between = list(between)
        self.asked = 0

    def search(self, query: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        start = query["startIndex"] - 1
        if self.whole_pages:
            start = start // self.page_size * self.page_size
        page = self.ids[start : start + self.page_size]
        answer = {
            "totalResults": self.total(len(self.ids)),
            "Resources": [{"id": each, "externalId": "1"} for each in page],
        }
        if self.between:
            self.between.pop(0)(self.ids)
        return answer


def listed(directory: Listed) -> list[str]:
    return [each["id"] for each in list_accounts(directory.search, STANDARD, sorted_by_id=True)]


def one_leaves_and_one_comes(ids: list[str]) -> None:
    ids.remove(ids[0])
    ids.append(f"new-{len(ids)}-{ids[-1]}")


@pytest.mark.parametrize("whole_pages", [False, True])
@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 6, 100])
@pytest.mark.parametrize("number", [0, 1, 5, 6])
def test_a_list_is_read_whole_whatever_the_size_of_its_pages(number: int, page_size: int, whole_pages: bool) -> None:
    ids = [f"{each}" for each in range(number)]
    assert listed(Listed(ids, page_size, whole_pages=whole_pages)) == ids


def test_an_account_that_is_removed_while_the_list_is_read_hides_no_other() -> None:
    assert listed(Listed(list("abcd"), 2, lambda ids: ids.remove("a"))) == list("bcd")


def test_a_list_as_long_as_before_is_not_taken_for_the_same_list() -> None:
    directory = Listed(list("abcd"), 2, one_leaves_and_one_comes)
    assert set("bcd") < set(listed(directory))


def test_a_list_that_never_stands_still_is_refused() -> None:
    with pytest.raises(TransientFault, match="does not add up"):
        listed(Listed(list("abcd"), 2, *[one_leaves_and_one_comes] * 20))


@pytest.mark.parametrize("page_size", [2, 3, 4, 100])
def test_a_list_of_fewer_accounts_than_its_total_is_never_taken_for_the_whole_list(page_size: int) -> None:
    with pytest.raises(TransientFault, match="does not add up"):
        listed(Listed(list("abcd"), page_size, total=lambda true: true + 1))


@pytest.mark.parametrize("page_size", [2, 3, 4, 100])
@pytest.mark.parametrize("total", [0, 2, 3])
def test_a_list_that_is_read_to_its_empty_end_is_whole_even_if_its_total_is_smaller(page_size: int, total: int) -> None:
    assert listed(Listed(list("abcd"), page_size, total=lambda _: total)) == list("abcd")


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
@pytest.mark.parametrize("total", [lambda page: 7, len, lambda page: None], ids=["of all", "of the page", "none"])
@pytest.mark.parametrize("end", [{"nextCursor": None}, {}], ids=["null", "absent"])
def test_pages_by_cursor_are_followed_to_their_end(
    page_size: int, total: Callable[[list[str]], int | None], end: dict[str, Any]
) -> None:
    ids = list("abcdefg")

    def search(query: dict[str, Any]) -> dict[str, Any]:
        start = int(query.get("cursor", "0"))
        page, after = ids[start : start + page_size], start + page_size
        more = {"nextCursor": str(after)} if after < len(ids) else end
        accounts = [{"id": each, "externalId": "1"} for each in page]
        return {"totalResults": total(page) if start or more else len(page), "Resources": accounts, **more}

    assert [each["id"] for each in list_accounts(search, STANDARD, sorted_by_id=True)] == ids


@pytest.mark.parametrize("empty", [0, 1, 2, 3])
def test_a_page_without_accounts_is_no_end_while_there_is_a_cursor(empty: int) -> None:
    pages = [["a", "b"], ["c"], ["d", "e"]]
    pages.insert(empty, [])

    def search(query: dict[str, Any]) -> dict[str, Any]:
        place = int(query.get("cursor", "0"))
        more = {"nextCursor": str(place + 1)} if place + 1 < len(pages) else {}
        return {"totalResults": 0, "Resources": [{"id": each} for each in pages[place]], **more}

    assert [each["id"] for each in list_accounts(search, STANDARD, sorted_by_id=True)] == list("abcde")


def test_pages_by_cursor_that_come_again_are_an_end() -> None:
    def search(query: dict[str, Any]) -> dict[str, Any]:
        return {"totalResults": 2, "Resources": [{"id": "a"}, {"id": "b"}], "nextCursor": "again"}

    assert [each["id"] for each in list_accounts(search, STANDARD, sorted_by_id=True)] == ["a", "b"]


@pytest.mark.parametrize("refused", [{"sortBy"}, {"count"}, {"sortBy", "count"}])
def test_what_is_refused_of_a_query_is_left_out_and_asked_again(refused: set[str]) -> None:
    directory = Listed(list("abcd"), 2)

    def search(query: dict[str, Any]) -> dict[str, Any]:
        if refused & query.keys():
            raise QueryRefused(UnexpectedAnswer("no"))
        return directory.search(query)

    assert [each["id"] for each in list_accounts(search, STANDARD, sorted_by_id=True)] == list("abcd")


def test_a_directory_that_answers_no_list_at_all_is_told_as_it_answers() -> None:
    def search(_: dict[str, Any]) -> dict[str, Any]:
        raise QueryRefused(UnexpectedAnswer("answered 422"))

    with pytest.raises(UnexpectedAnswer, match="422"):
        list_accounts(search, STANDARD, sorted_by_id=True)


def test_no_more_accounts_are_asked_for_than_the_directory_gives_in_a_page() -> None:
    asked = []

    def search(query: dict[str, Any]) -> dict[str, Any]:
        asked.append(query["count"])
        return {"totalResults": 0, "Resources": []}

    list_accounts(search, STANDARD, sorted_by_id=False, page_size=100)
    list_accounts(search, STANDARD, sorted_by_id=False, page_size=5000)
    list_accounts(search, STANDARD, sorted_by_id=False)
    assert asked == [100, 1000, 1000]


def test_a_server_that_always_gives_the_first_page_is_not_asked_for_ever() -> None:
    directory = Listed(list("abcd"), 2)
    with pytest.raises(TransientFault, match="does not add up"):
        list_accounts(lambda query: directory.search({**query, "startIndex": 1}), STANDARD, sorted_by_id=True)
    assert directory.asked < 20


writes = st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 20)), max_size=3)


@given(number=st.integers(1, 12), page_size=st.integers(2, 5), moves=st.lists(writes, max_size=12))
def test_whatever_others_write_meanwhile_no_account_that_was_always_there_is_missed(
    number: int, page_size: int, moves: list[list[tuple[str, int]]]
) -> None:
    always = {f"a{each:02}" for each in range(number)}
    names = iter(f"a{each % 12:02}-new-{each}" for each in range(1000))

    def others(written: list[tuple[str, int]]) -> Between:
        def write(ids: list[str]) -> None:
            for what, place in written:
                if what == "add":
                    ids.append(next(names))
                elif ids:
                    gone = ids.pop(place % len(ids))
                    always.discard(gone)
            ids.sort()

        return write

    directory = Listed(sorted(always), page_size, *map(others, moves))
    try:
        found = listed(directory)
    except TransientFault:
        return  # refused, and listed again by the next try of the task
    assert always <= set(found)
    assert len(found) == len(set(found))
