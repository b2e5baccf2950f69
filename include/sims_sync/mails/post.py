"""What mails are sent with, whoever sends them."""

from __future__ import annotations

from typing import Protocol

from sims_sync.config.school_entry import School
from sims_sync.mails.mail import Mail
from sims_sync.mails.messages import Places


class Post(Protocol):
    """Sends mails about a school's runs."""

    def send(self, school: School, mail: Mail) -> bool:
        """Mail the ``alert_emails`` or the ``office_emails``. A mail that cannot be sent changes nothing else.

        :returns: whether it was sent.
        """

    def places(self, school: School, run_id: str) -> Places:
        """Where a run and its school can be looked at."""
