"""The pages, asked for as users of Airflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from school_users import EDITOR


@dataclass
class Pages:
    """The pages, as users see them.

    :param root: the store.
    :param config: the file of the schools.
    """

    client: TestClient
    root: Path
    config: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str = "", user: str | None = EDITOR, **options: Any) -> Any:
        """The answer to a user, by default one who may do all; to nobody where there is none."""
        return self._ask("GET", path, user, **options)

    def post(self, path: str, user: str | None = EDITOR, **options: Any) -> Any:
        return self._ask("POST", path, user, **options)

    def _ask(self, method: str, path: str, user: str | None, **options: Any) -> Any:
        headers = {"Cookie": f"_token={self._token(user)}"} if user else {}
        return self.client.request(method, f"/student-sync/{path}", headers=headers, **options)

    def _token(self, user: str) -> str:
        if user not in self.tokens:
            answer = self.client.post("/auth/token", json={"username": user, "password": f"password of {user}"})
            self.tokens[user] = answer.json()["access_token"]
        return self.tokens[user]
