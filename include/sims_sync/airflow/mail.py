"""Mails to a school's data team, over Airflow's SMTP connection ``smtp_default``."""

from __future__ import annotations

import html
import logging

from sims_sync.config import School

log = logging.getLogger(__name__)

CONNECTION = "smtp_default"


def send(school: School, subject: str, text: str) -> None:
    """Mail the school's ``alert_emails``. A mail that cannot be sent is logged, and changes nothing else.

    :param text: free of personal data.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if not school.alert_emails:
        log.warning("No mail was sent: the school has no `alert_emails`. Its subject: %s", subject)
        return
    body = f"<pre>{html.escape(text)}</pre>"
    try:
        with SmtpHook(smtp_conn_id=CONNECTION) as hook:
            hook.send_email_smtp(to=school.alert_emails, subject=f"[sims-sync] {subject}", html_content=body)
    except Exception as error:  # whatever is wrong with the mail, the task is not
        log.warning("No mail was sent (connection %s): %s. Its subject: %s", CONNECTION, type(error).__name__, subject)
    else:
        log.info("Mailed %d address(es): %s", len(school.alert_emails), subject)
