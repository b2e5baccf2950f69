"""What every stage of a run starts from, and what becomes of the faults that leave it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

from sims_sync.config.school_entry import School
from sims_sync.directory.discovery import Capabilities
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.errors import NotApproved, SyncError
from sims_sync.night.parameters import RunParameters
from sims_sync.runs.files import RunFiles
from sims_sync.runs.state import SchoolState
from sims_sync.sources.choice import CHOSEN_NAME, Choice
from sims_sync.sources.source import Source


class Skipped(Exception):
    """A stage has nothing to do; the text says why, for the report."""

    how: ClassVar[Literal["skipped", "superseded", "paused"]] = "skipped"


class Superseded(Skipped):
    """The run has an older roll than one that was applied: it writes nothing."""

    how = "superseded"


class Paused(Skipped):
    """Nothing is to happen on the run's date."""

    how = "paused"


@dataclass(frozen=True)
class Run:
    """One run of one school.

    :param source: where the roll comes from; nothing is opened before it is asked for the roll.
    :param open_directory: opens the school's directory; nothing is asked of it yet.
    :param attributes: those of an account; what the school leaves out is neither read nor written.
    """

    school: School
    run_id: str
    parameters: RunParameters
    files: RunFiles
    state: SchoolState
    source: Source
    open_directory: Callable[[], Endpoint]
    attributes: tuple[Attribute, ...] = ATTRIBUTES

    @property
    def is_whole(self) -> bool:
        """Whether it is for all students on roll, and not for some alone."""
        return self.parameters.only_person_ids is None

    @property
    def choice(self) -> Choice:
        """What of the roll the school wants."""
        return Choice(
            self.attributes,
            self.school.unsent,
            self.school.withheld(),
            chosen_name=self.school.forename == CHOSEN_NAME,
        )

    @property
    def mapping(self) -> AccountMapping:
        """Where a person's values stand in an account, as the school has it; what is off stands nowhere."""
        return AccountMapping(self.attributes, self.source.key, self.school.directory, off=self.school.unsent)

    def directory(self, endpoint: Endpoint, capabilities: Capabilities) -> Directory:
        """The client of a directory that offers this."""
        learnt = self.state.learnt(endpoint.base_url, self.school.directory)
        mapping = capabilities.limit(self.mapping)
        return Directory(endpoint, capabilities, mapping.without(learnt.not_kept), learnt)


@contextmanager
def recorded(
    files: RunFiles, stage: str, *, passes: type[Exception] | tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Begin a stage, and keep for the report how it ends, if not well.

    The message of a :class:`SyncError` is kept. Any other exception is a defect of ours whose text may hold a value of
    a person: only its type and place go on. Airflow logs what an exception came from, too: no fault says that.

    :param passes: exceptions of who runs the stage, which are not its end.
    :raises SyncError: it failed.
    :raises Skipped: it had nothing to do.
    """
    files.begin(stage)
    try:
        yield
    except SyncError as fault:
        files.record_failure(stage, fault, held=isinstance(fault, NotApproved))
        raise fault from None
    except Skipped as skipped:
        files.record_skip(stage, str(skipped), how=skipped.how)
        raise skipped from None
    except passes:
        raise
    except Exception as error:
        defect = _without_values(error)
        files.record_failure(stage, defect)
        raise defect from None


def _without_values(error: Exception) -> SyncError:
    frames = [
        f"{frame.filename.rpartition('sims_sync/')[2]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "sims_sync" in frame.filename
    ]
    return SyncError(
        f"Unexpected {type(error).__name__} at {' > '.join(frames[1:]) or 'an unknown place'} "
        "(its message is withheld, as it may hold personal data).",
        advice="This is a defect: report it with these places.",
    )
