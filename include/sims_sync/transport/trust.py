"""Which certificates are trusted: those of the connection, whatever the environment says (SPEC section 9)."""

from __future__ import annotations

import ssl
from pathlib import Path

import requests

from sims_sync.model.errors import PermanentFault


def verified_by(session: requests.Session) -> bool | str | None:
    """``verify`` for each request of a session.

    requests prefers the environment (``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``) to what a session says, but not to
    what a request says. So a request says it, where the session has anything to say.

    :returns: none where the environment, or else the usual authorities, shall decide.
    """
    return None if session.verify is True else session.verify


def check_certificates(session: requests.Session, connection_name: str) -> None:
    """Look at the files of certificates that a connection names, before anything is asked.

    :raises PermanentFault: one is not there, cannot be read, or holds no certificate (PEM).
    """
    if not isinstance(session.verify, bool):
        wrong = _wrong_with(session.verify)
        if wrong:
            raise PermanentFault(
                f"The CA bundle of the connection {connection_name} (`verify`: {session.verify}) {wrong}.",
                advice="It is the path of a file with the certificates to trust, as every worker sees it.",
            )
    certificate = session.cert if isinstance(session.cert, (list, tuple)) else [session.cert]
    for path in filter(None, certificate):
        if wrong := _unreadable(path):
            raise PermanentFault(
                f"The client certificate of the connection {connection_name} (`cert`: {path}) {wrong}."
            )


def no_certificate_file(who: str, connection_name: str) -> PermanentFault:
    """A file of certificates cannot be read, which requests tells as an error of files."""
    return PermanentFault(
        f"{who} (connection {connection_name}) cannot be asked: a file of certificates cannot be read.",
        advice="It is the one of `cert` in the connection's extra, or of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the "
        "environment of the workers.",
    )


def _wrong_with(bundle: object) -> str:
    """What is wrong with a CA bundle, empty where nothing is. A folder of hashed certificates is one as well."""
    if not isinstance(bundle, str):
        return "is neither a path nor true nor false"
    if Path(bundle).is_dir():
        return ""
    if wrong := _unreadable(bundle):
        return wrong
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except (ssl.SSLError, ValueError):
        return "holds no certificate in the format PEM"
    return ""


def _unreadable(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        return "is not there"
    except (OSError, ValueError):
        return "cannot be read"
    return ""
