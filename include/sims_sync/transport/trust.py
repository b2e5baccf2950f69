"""Which certificates are trusted: those of the connection, whatever the environment says (SPEC section 9)."""

from __future__ import annotations

import requests

from sims_sync.model.errors import PermanentFault


def verified_by(session: requests.Session) -> bool | str | None:
    """``verify`` for each request of a session.

    requests prefers the environment (``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``) to what a session says, but not to
    what a request says. So a request says it, where the session has anything to say.

    :returns: none where the environment, or else the usual authorities, shall decide.
    """
    return None if session.verify is True else session.verify


def no_certificate_file(who: str, connection_name: str) -> PermanentFault:
    """A file of certificates is not there, or cannot be read: requests tells it as an error of files."""
    return PermanentFault(
        f"{who} (connection {connection_name}) cannot be asked: a file of certificates cannot be read.",
        advice="It is the one of `cert` in the connection's extra, or of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the "
        "environment of the workers.",
    )
