"""Which school a night is of, as the configuration has it now."""

from __future__ import annotations

from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import ConfigError, load_schools
from sims_sync.model.errors import PermanentFault


def find_school(school_id: str) -> School:
    """The school of this id.

    :raises PermanentFault: it is no longer in the configuration, or its entry is wrong.
    """
    try:
        schools, errors = load_schools()
    except ConfigError as error:
        raise PermanentFault(str(error)) from None
    if school_id in schools:
        return schools[school_id]
    raise PermanentFault(" ".join(map(str, errors)) or f"The school {school_id} is not in the configuration any more.")
