"""The broker's memory: SQLite, one table a document, every row with the days on which it is true.

``valid_from`` and ``valid_to`` are the first and the last day (both included, null is for ever). They are hidden from
the documents: the roll on a date is the rows of ``students`` that are valid on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sandbox.sims.documents import BY_TABLE
from sandbox.sims.tables import HIDDEN, METADATA, TABLES, Value, columns, in_order, matches, stored, valid_on

_DEFAULT_STUDENT: Mapping[str, Value] = {
    "forename": "Robin",
    "surname": "Example",
    "gender": "Female",
    "enrolment_status": "C",
    "year_taught_in": "9",
}


class Database:
    """The people of one school. Also the way for a test to say who is on roll when, and to change it between runs::

        school = Database(tmp_path / "sims.sqlite")
        school.put_school(name="Green Abbey School", la="823", estab="4321")
        school.put_student(101, forename="Ada", surname="Kent", admission_number="004604", mobile="07700 900101")
        school.put_student(102, valid_to=date(2026, 9, 14))  # the 14th is the last day on roll
        school.change("students", {"person_id": 101}, on=date(2026, 9, 15), surname="Kent-Moss")

    :param path: the SQLite file; made when it is not there.
    :raises ValueError: the file is no such database, or its folder is not there.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        # No pool: a school that nobody closes leaves no file open.
        self._engine = sa.create_engine(f"sqlite:///{self.path}", poolclass=sa.NullPool)
        try:
            METADATA.create_all(self._engine)
        except sa.exc.DatabaseError:
            raise ValueError(f"{self.path} cannot be opened as an SQLite database.") from None

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def rows(self, table: str, day: date) -> list[Sequence[str | None]]:
        """The rows of a table that are valid on a day, in the document's order, the columns as in its elements."""
        source = TABLES[table]
        query = (
            sa.select(*(source.c[column] for column in BY_TABLE[table].elements))
            .where(valid_on(source, day))
            .order_by(*in_order(source))
        )
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    # -- what a test writes ---------------------------------------------------------------------------------------

    def put_school(self, *, name: str = "Green Abbey School", la: str = "823", estab: str = "4321") -> None:
        """Name the school; one that was named before is forgotten."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(TABLES["schools"]))
        self.put("schools", name=name, la=la, estab=estab, phase="Secondary")

    def put_student(
        self,
        person_id: Value,
        *,
        email: str | None = "",
        telephone: str | None = None,
        mobile: str | None = None,
        address: Mapping[str, Any] | None = None,
        valid_from: date | None = None,
        valid_to: date | None = None,
        **values: Value,
    ) -> None:
        """A student, on roll from ``valid_from`` to ``valid_to``; valid with nothing but a Person ID.

        :param email: the primary home address; by default ``person-<id>@example.org``, None for no email at all.
        :param telephone: the home telephone.
        :param mobile: the mobile one, both neither Main nor Primary.
        :param address: columns of the home address (``street``, ``town``, ...), as in :meth:`put_address`.
        :param values: columns of ``students``; unless they are given, the admission number is the Person ID with six
            digits, and the day of birth one of 2012 that few others have.
        """
        number = int(str(person_id)) if str(person_id).strip().isdecimal() else None
        own = {} if number is None else {"admission_number": f"{number:06d}"}
        born = date(2012, 5, 17) + timedelta(days=(number or 0) % 200)
        student = {**_DEFAULT_STUDENT, "date_of_birth": born, **own, **values}
        row: dict[str, Value] = {"person_id": person_id, **student, "valid_from": valid_from, "valid_to": valid_to}
        self.load({"students": [row]})
        if email is not None:
            self.put_email(person_id, email or f"person-{person_id}@example.org", main=True, primary=True)
        if telephone is not None:
            self.put_telephone(person_id, telephone, "H")
        if mobile is not None:
            self.put_telephone(person_id, mobile, "M")
        if address is not None:
            self.put_address(person_id, **address)

    def put_email(
        self,
        person_id: Value,
        email_address: str | None,
        location: str = "H",
        *,
        main: Value = False,
        primary: Value = False,
        valid_from: date | None = None,
        valid_to: date | None = None,
    ) -> None:
        """An email address of a person, the last of their list."""
        self.put(
            "emails",
            valid_from=valid_from,
            valid_to=valid_to,
            person_id=person_id,
            email_id=self._next_id("emails", "email_id"),
            location=location,
            email_address=email_address,
            main=main,
            primary=primary,
        )

    def put_telephone(
        self,
        person_id: Value,
        number: str | None,
        location: str = "H",
        *,
        main: Value = False,
        primary: Value = False,
        valid_from: date | None = None,
        valid_to: date | None = None,
    ) -> None:
        """A telephone of a person, the last of their list."""
        self.put(
            "telephones",
            valid_from=valid_from,
            valid_to=valid_to,
            person_id=person_id,
            telephone_id=self._next_id("telephones", "telephone_id"),
            location=location,
            number=number,
            main=main,
            primary=primary,
        )

    def put_address(
        self,
        person_id: Value,
        *,
        start_date: Value = None,
        end_date: Value = None,
        address_type: str = "H",
        address_id: int | None = None,
        valid_from: date | None = None,
        valid_to: date | None = None,
        **values: Value,
    ) -> int:
        """An address of a person.

        :param address_id: that of an address already put (the person lives there too); by default a new address of the
            columns in ``values`` is made. A new address itself is valid for ever; its bond to the person is not.
        :returns: the AddressID.
        """
        if address_id is None:
            address_id = self._next_id("addresses", "address_id")
            self.load({"addresses": [{"address_id": address_id, **values}]})
        self.put(
            "person_addresses",
            valid_from=valid_from,
            valid_to=valid_to,
            person_id=person_id,
            address_id=address_id,
            start_date=start_date,
            end_date=end_date,
            address_type=address_type,
        )
        return address_id

    def put_free_meal(self, person_id: Value, start_date: Value = None, end_date: Value = None) -> None:
        """A period of free school meals."""
        self.put("free_meals", person_id=person_id, start_date=start_date, end_date=end_date)

    def put_sen_provision(
        self,
        person_id: Value,
        provision_type: str,
        provision_description: str | None = None,
        *,
        start_date: Value = None,
        end_date: Value = None,
    ) -> None:
        """A special educational needs provision."""
        self.put(
            "sen_provisions",
            person_id=person_id,
            provision_type=provision_type,
            provision_description=provision_description,
            start_date=start_date,
            end_date=end_date,
        )

    def leave(self, person_id: Value, last_day: date) -> None:
        """The student is on roll until ``last_day``; what other documents hold of them stays, as in SIMS."""
        self.end("students", {"person_id": person_id}, last_day)

    def rejoin(self, person_id: Value, first_day: date) -> None:
        """A student who left is on roll again from ``first_day``, as they were when they left."""
        table = TABLES["students"]
        with self._engine.begin() as connection:
            last = (
                connection.execute(
                    sa.select(table).where(matches(table, {"person_id": person_id})).order_by(table.c.row.desc())
                )
                .mappings()
                .first()
            )
            if last is None:
                raise LookupError(f"person {person_id} was never a student")
            self._copy(connection, table, last, valid_from=first_day.isoformat(), valid_to=None)

    # -- any row of any table -------------------------------------------------------------------------------------

    def put(self, table: str, *, valid_from: date | None = None, valid_to: date | None = None, **values: Value) -> None:
        """Add one row at the end of a document; columns as in :data:`sandbox.sims.documents.DOCUMENTS`."""
        self.load({table: [{"valid_from": valid_from, "valid_to": valid_to, **values}]})

    def load(self, tables: Mapping[str, Iterable[Mapping[str, Value]]]) -> None:
        """Add rows: lists of columns by table, such as a JSON file holds (its ``valid_from`` and ``valid_to`` are ISO
        dates; its other dates are texts as SIMS writes them).

        :raises ValueError: a table or column that there is not.
        """
        with self._engine.begin() as connection:
            for table, rows in tables.items():
                found = [stored(table, row) for row in rows]
                if found:
                    connection.execute(sa.insert(TABLES[table]), found)

    def change(self, table: str, where: Mapping[str, Value], *, on: date | None = None, **values: Value) -> int:
        """Change the rows whose columns equal ``where``; each keeps its place in the document.

        :param on: the day from which it is so (the rows valid on it are changed; before it they stay as they were); by
            default it is as if it had always been so.
        :returns: how many rows changed.
        """
        target, new = TABLES[table], columns(table, values)
        with self._engine.begin() as connection:
            if on is None:
                return connection.execute(sa.update(target).where(matches(target, where)).values(new)).rowcount
            found = connection.execute(sa.select(target).where(matches(target, where), valid_on(target, on)))
            rows = found.mappings().all()
            for row in rows:
                same = target.c.row == row["row"]
                if row["valid_from"] == on.isoformat():
                    connection.execute(sa.update(target).where(same).values(new))
                    continue
                eve = (on - timedelta(days=1)).isoformat()
                connection.execute(sa.update(target).where(same).values(valid_to=eve))
                self._copy(connection, target, row, valid_from=on.isoformat(), **new)
            return len(rows)

    def end(self, table: str, where: Mapping[str, Value], last_day: date) -> int:
        """End the rows whose columns equal ``where``: ``last_day`` is the last on which those valid on it hold.

        :returns: how many rows ended.
        """
        target = TABLES[table]
        ending = sa.update(target).where(matches(target, where), valid_on(target, last_day))
        with self._engine.begin() as connection:
            return connection.execute(ending.values(valid_to=last_day.isoformat())).rowcount

    def delete(self, table: str, where: Mapping[str, Value] | None = None) -> int:
        """Delete the rows whose columns equal ``where`` (all without one), as if they had never been; says how many."""
        target = TABLES[table]
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(target).where(matches(target, where or {}))).rowcount

    def iterate(self, table: str) -> Iterator[dict[str, Any]]:
        """All rows of a table with their validity, as they are stored."""
        source = TABLES[table]
        shown = [source.c[name] for name in (*BY_TABLE[table].elements, *HIDDEN)]
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(*shown).order_by(*in_order(source))).mappings():
                yield dict(row)

    def _next_id(self, table: str, column: str) -> int:
        ids = sa.cast(TABLES[table].c[column], sa.Integer)
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(ids))).scalar() or 0) + 1

    @staticmethod
    def _copy(connection: sa.Connection, table: sa.Table, row: Mapping[Any, Any], **values: Any) -> None:
        kept = {name: value for name, value in row.items() if name != "row"}
        place = row["row"] if row["position"] is None else row["position"]
        connection.execute(sa.insert(table).values({**kept, "position": place, **values}))
