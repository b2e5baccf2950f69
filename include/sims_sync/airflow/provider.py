"""What the package tells Airflow of itself: connection types and commands (entry point ``apache_airflow_provider``)."""

from __future__ import annotations

from typing import Any

_VERIFY = {
    "label": "CA bundle",
    "schema": {"type": ["string", "null"]},
    "description": "Path of a file with the certificates to trust (PEM), as every worker sees it. Empty: the usual "
    'authorities. To do without verification, set "verify": false in Extra; nobody should.',
}
_ALLOW_HTTP = {
    "label": "Allow http",
    "schema": {"type": ["boolean", "null"]},
    "description": "Whether login and password may go over http, unencrypted, to another machine than this one: on a "
    "network that is yours alone.",
}
_OAUTH_2 = {
    "token_url": {
        "label": "OAuth 2 token URL",
        "schema": {"type": ["string", "null"]},
        "description": "Where tokens are given to client credentials. With it, login and password are client id and "
        "secret. Airflow shows one that is stored as ***.",
    },
    "scope": {
        "label": "OAuth 2 scope",
        "schema": {"type": ["string", "null"]},
        "description": "Words with a space between, where the server wants any.",
    },
    "audience": {
        "label": "OAuth 2 audience",
        "schema": {"type": ["string", "null"]},
        "description": "Where the server wants one; for one that wants a resource, set `resource` in Extra.",
    },
    "client_authentication": {
        "label": "OAuth 2 client authentication",
        "schema": {
            "type": ["string", "null"],
            "enum": [None, "client_secret_basic", "client_secret_post"],
            "values_display": {"None": "as usual (client_secret_basic)"},
        },
        "description": "How client id and secret are sent: by Basic, or in the body (client_secret_post).",
    },
}
_PORT = "Port (Test asks for it)"
"""Airflow 3.3 refuses to test a stored connection that has none: its UI sends 0 for it."""
_HOOKS = "sims_sync.airflow.hooks"


def get_provider_info() -> dict[str, Any]:
    """The package as a provider of Airflow; the keys are those of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "sims-student-sync",
        "name": "SIMS student sync",
        "description": "Students on roll in SIMS become user accounts in a SCIM 2.0 directory.",
        "cli": ["sims_sync.airflow.commands.get_cli_commands"],
        "connection-types": [
            {
                "connection-type": "sims",
                "hook-class-name": f"{_HOOKS}.SimsHook",
                "hook-name": "SIMS third-party broker",
                "conn-fields": {"verify": _VERIFY, "allow_http": _ALLOW_HTTP},
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "Endpoint", "login": "SIMS user", "port": _PORT},
                    "placeholders": {"host": "https://sims.example.org/ThirdParty.svc", "port": "443"},
                },
            },
            {
                "connection-type": "scim",
                "hook-class-name": f"{_HOOKS}.DirectoryHook",
                "hook-name": "SCIM directory",
                "conn-fields": {**_OAUTH_2, "verify": _VERIFY, "allow_http": _ALLOW_HTTP},
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {
                        "host": "SCIM base URL",
                        "login": "Login (of Basic authentication), or client id (of OAuth 2)",
                        "password": "Bearer token, or password, or client secret",
                        "port": _PORT,
                    },
                    "placeholders": {"host": "https://directory.example.org/scim/v2", "port": "443"},
                },
            },
        ],
    }
