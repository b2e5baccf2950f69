"""Sending mails over Airflow's SMTP connection ``smtp_default``, and the addresses of Airflow's pages in them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any
from urllib.parse import quote

from sims_sync.config.school_entry import School
from sims_sync.mails.mail import Link, Mail
from sims_sync.mails.messages import Places

log = logging.getLogger(__name__)

CONNECTION = "smtp_default"


class AirflowPost:
    """Mails about a school's runs (``mails.post.Post``)."""

    def send(self, school: School, mail: Mail) -> bool:
        """Mail the school's ``alert_emails``, or its ``office_emails``. A mail that cannot be sent is logged, no more.

        :returns: whether it was sent.
        """
        addresses = school.office_emails if mail.to_office else school.alert_emails
        if addresses:
            return send_to(addresses, mail)
        log.warning("No mail was sent: the school has no `alert_emails`. Its subject: %s", mail.subject_line)
        return False

    def places(self, school: School, run_id: str) -> Places:
        """Where a run and its school are in Airflow's UI: its own pages, and those of the student sync."""
        dag = f"/dags/{quote(school.dag_id, safe='')}"
        run = f"{dag}/runs/{quote(run_id, safe='')}"
        return Places(
            run=Link("The run: where the records went, and each error", _address(f"{run}/plugin/student-sync-run")),
            school=Link("The school", _address(f"{dag}/plugin/student-sync")),
            approval=Link("Approve or reject", _question(run, "approve")),
            departures=Link("Approve or reject the departures", _question(run, "approve_leavers")),
        )


def send_to(addresses: Sequence[str], mail: Mail) -> bool:
    """Mail these addresses. A mail that cannot be sent is logged, and changes nothing else.

    :returns: whether it was sent.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    try:
        with SmtpHook(smtp_conn_id=CONNECTION) as hook:
            # The hook's own way to send knows no text part beside the HTML.
            client: Any = hook._smtp_client
            client.send_message(_message(hook.from_email, addresses, mail))
    except Exception as error:  # whatever is wrong with the mail, the task is not
        log.warning(
            "No mail was sent (connection %s): %s. Its subject: %s", CONNECTION, type(error).__name__, mail.subject_line
        )
        return False
    log.info("Mailed %d address(es): %s", len(addresses), mail.subject_line)
    return True


def all_schools() -> Link:
    """Where all schools are."""
    return Link("All schools, worst first", _address("/plugin/student-sync-schools"))


def _question(run: str, task: str) -> str:
    return _address(f"{run}/tasks/{task}/required_actions?map_index=-1")


def _address(path: str) -> str:
    from airflow.sdk.configuration import conf

    base: str | None = conf.get("api", "base_url", fallback=None)
    return f"{base.rstrip('/')}{path}" if base else ""


def _message(sender: str | None, addresses: Sequence[str], mail: Mail) -> EmailMessage:
    if not sender:
        raise ValueError(f"The connection {CONNECTION} has no `from_email` in its extra.")
    message = EmailMessage()
    message["Subject"] = mail.subject_line
    message["From"] = sender
    message["To"] = ", ".join(addresses)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message
