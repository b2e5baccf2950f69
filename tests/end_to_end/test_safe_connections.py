"""A login goes encrypted, to the server that the connection names, and to nobody else (SPEC section 9)."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sims_sync.airflow import connections
from sims_sync.airflow.connections import directory_endpoint, sims_client
from sims_sync.airflow.hooks import DirectoryHook, SimsHook
from sims_sync.directory.session import Endpoint, send
from sims_sync.model.errors import PermanentFault, SyncError, TransientFault, UnexpectedAnswer

Connect = Callable[..., None]
PASSWORD = "s3cret-password"


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server on loopback; gives its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, dict(self.headers.items())))
            answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"localhost:{server.server_port}"
        server.shutdown()


seen: list[tuple[str, dict[str, str]]] = []
"""The requests of a test: paths and headers."""


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen.clear()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def reply(handler: BaseHTTPRequestHandler, status: int = 404, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": "0", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


def ask(endpoint: Endpoint) -> int:
    return send(endpoint.session, "GET", f"{endpoint.base_url}/Users", connection_name="x").status_code


# -- https -------------------------------------------------------------------------------------------------------------

SAFE = {
    "sims.example.org/x": "https://sims.example.org/x",
    "  sims.example.org  ": "https://sims.example.org",
    "sims.example.org:8443/x": "https://sims.example.org:8443/x",
    "HTTPS://sims.example.org": "https://sims.example.org",
    "127.0.0.1:80": "https://127.0.0.1:80",
    "http://localhost:8601/x": "http://localhost:8601/x",
    "http://LOCALHOST/x": "http://LOCALHOST/x",
    "http://127.0.0.1/x": "http://127.0.0.1/x",
    "http://127.8.9.10:81": "http://127.8.9.10:81",
    "http://[::1]:8080/x": "http://[::1]:8080/x",
}
UNENCRYPTED = [
    "http://sims.example.org/x",
    "HTTP://sims.example.org",
    "http://sims.example.org:443/x",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://10.0.0.1/x",
    "http://0.0.0.0/x",
    "http://[::2]/x",
    "http://sims/x",
    "http://localhost./x",
]
NO_ADDRESS = [
    "ftp://sims.example.org", "file:///etc/passwd", "https://", "http:///x", "https://[", "https://sims:port/x", "https://sims:99999",
    "sims.example.org/?to=http://x", "http://localhost\\.example.org", "://x", "https://:443",
]  # fmt: skip


@pytest.mark.parametrize(("host", "address"), SAFE.items())
@pytest.mark.parametrize("conn_type", ["sims", "scim", "http"])
def test_a_host_without_a_scheme_means_https_and_http_is_for_this_machine(
    host: str, address: str, conn_type: str, connect: Connect
) -> None:
    connect("sims_green_abbey", conn_type=conn_type, host=host)
    assert connections.address(connections.read_connection("sims_green_abbey")) == address


@pytest.mark.parametrize("host", UNENCRYPTED)
@pytest.mark.parametrize("extra", [{}, {"allow_http": False}, {"allow_http": None}, {"allow_http": "no"}])
def test_http_to_another_machine_is_refused_and_says_what_to_do(
    host: str, extra: dict[str, Any], connect: Connect
) -> None:
    for conn_type, opened in (("sims", sims_client), ("scim", directory_endpoint), ("http", directory_endpoint)):
        connect("x_green_abbey", conn_type=conn_type, host=host, login="sync", password=PASSWORD, extra=extra)
        with pytest.raises(PermanentFault, match=r"x_green_abbey .*https://.*\"allow_http\": true") as caught:
            opened("x_green_abbey")
        assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("hook", [SimsHook, DirectoryHook])
def test_the_test_of_a_connection_refuses_http_too(hook: Any, connect: Connect) -> None:
    connect("x", conn_type="scim", host="http://sims.example.org", login="sync", password=PASSWORD)
    works, message = hook("x").test_connection()
    assert not works
    assert '"allow_http": true' in message


@pytest.mark.parametrize("allowed", [True, "true", "True"])
@pytest.mark.parametrize("host", UNENCRYPTED)
def test_a_connection_may_allow_http_which_is_no_header_of_requests(host: str, allowed: Any, connect: Connect) -> None:
    connect("x", conn_type="scim", host=host, password=PASSWORD, extra={"allow_http": allowed, "X-School": "7"})
    endpoint = directory_endpoint("x")
    assert endpoint.base_url.lower() == host.lower()
    assert {"allow_http", "X-School"} & endpoint.session.headers.keys() == {"X-School"}
    connect("x", conn_type="sims", host=host, login="sync", password=PASSWORD, extra={"allow_http": allowed})
    sims_client("x")


def test_the_schema_of_a_connection_of_type_http_is_looked_at_likewise(connect: Connect) -> None:
    connect("x", host="sims.example.org", schema="http")
    with pytest.raises(PermanentFault, match="allow_http"):
        connections.address(connections.read_connection("x"))


@pytest.mark.parametrize("host", NO_ADDRESS)
def test_what_is_no_address_is_told_as_that(host: str, connect: Connect) -> None:
    connect("x", conn_type="scim", host=host, password=PASSWORD, extra={"allow_http": True})
    with pytest.raises(PermanentFault, match="is no http or https address"):
        directory_endpoint("x")


@pytest.mark.parametrize(
    "host", ["https://ada:pw@example.org/x", "http://localhost@example.org", "127.0.0.1@example.org"]
)
def test_a_login_in_the_host_is_refused(host: str, connect: Connect) -> None:
    connect("x", conn_type="scim", host=host, password=PASSWORD)
    with pytest.raises(PermanentFault, match="holds a login") as caught:
        directory_endpoint("x")
    assert "pw" not in str(caught.value)


def test_without_a_scheme_nothing_goes_in_plain_text_even_on_this_machine(connect: Connect) -> None:
    with serving(reply) as server:
        connect("x", conn_type="scim", host=server, password=PASSWORD)
        with pytest.raises(TransientFault, match="SSLError"):
            ask(directory_endpoint("x", patient=False))
        connect("x", conn_type="sims", host=server, login="sync", password=PASSWORD)
        with pytest.raises(TransientFault, match="SSLError"):
            sims_client("x").school()
    assert not seen


# -- who gets the login ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("login", [None, "sync"])
def test_no_other_server_gets_a_request_that_is_sent_on(status: int, login: str | None, connect: Connect) -> None:
    with serving(reply) as other:
        places = [
            f"http://{other}/",
            f"//{other}/",
            "http://example.org/",
            "https://localhost/",
            "gopher://x",
        ]
        for place in places:
            with serving(lambda handler, place=place: reply(handler, status, Location=place)) as server:
                extra = {"X-Api-Key": PASSWORD}
                connect("x", conn_type="scim", host=f"http://{server}/v2", login=login, password=PASSWORD, extra=extra)
                with pytest.raises(UnexpectedAnswer, match="to another address"):
                    ask(directory_endpoint("x"))
        assert [path for path, _ in seen] == ["/v2/Users"] * len(places)


def test_a_request_that_reads_is_sent_on_within_the_server_and_not_for_ever(connect: Connect) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 404) if handler.path == "/v2/Users/" else reply(handler, 301, Location="/v2/Users/")

    with serving(answer) as server:
        connect("x", conn_type="scim", host=f"http://{server}/v2", password=PASSWORD)
        assert ask(directory_endpoint("x")) == 404
        assert seen[-1][0] == "/v2/Users/"
        assert seen[-1][1]["Authorization"] == f"Bearer {PASSWORD}"
        assert seen[-1][1]["Accept"].startswith("application/scim+json")
    seen.clear()
    with serving(lambda handler: reply(handler, 301, Location=handler.path)) as server:
        connect("x", conn_type="scim", host=f"http://{server}/v2", password=PASSWORD)
        with pytest.raises(UnexpectedAnswer, match="to another address"):
            ask(directory_endpoint("x"))
        assert len(seen) < 10


def test_a_netrc_of_the_user_does_not_count(connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login netrc password netrc\ndefault login netrc password netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(reply) as server:
        for login, expected in ((None, "Bearer"), ("sync", "Basic")):
            connect("x", conn_type="scim", host=f"http://{server}", login=login, password=PASSWORD)
            ask(directory_endpoint("x"))
            assert seen[-1][1]["Authorization"].startswith(expected)
            assert "bmV0cmM6bmV0cmM=" not in seen[-1][1]["Authorization"], "that of the file"
        connect("x", conn_type="scim", host=f"http://{server}")
        ask(directory_endpoint("x"))
        assert "Authorization" not in seen[-1][1]
        connect("x", conn_type="sims", host=f"http://{server}", login="sync", password=PASSWORD)
        with pytest.raises(SyncError):
            sims_client("x").school()
        assert "Authorization" not in seen[-1][1]


def test_a_proxy_of_the_environment_is_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(reply) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy}")
        connect("x", conn_type="scim", host="http://directory.example.org", password="t", extra={"allow_http": True})
        assert ask(directory_endpoint("x")) == 404
    assert seen[-1][0] == "http://directory.example.org/Users"


# -- certificates ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate that is its own authority, and other files."""
    folder = tmp_path_factory.mktemp("ca")
    for name in ("ca", "other"):
        what = ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", "/CN=localhost"]
        asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *what]
        subprocess.run([*asked, "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True, capture_output=True)
    (folder / "empty.pem").write_bytes(b"")
    (folder / "text.pem").write_text("no certificate")
    (folder / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert((folder / "ca.pem").read_text()))
    return folder


@pytest.fixture
def server(ca: Path) -> Iterator[str]:
    """A server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "ca.pem", ca / "ca.key")
    with serving(reply, context) as server:
        yield server


ENVIRONMENTS = [
    {},
    {"REQUESTS_CA_BUNDLE": "other.pem"},
    {"CURL_CA_BUNDLE": "other.pem"},
    {"REQUESTS_CA_BUNDLE": "no.pem"},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
@pytest.mark.parametrize("verify", ["ca.pem", False])
def test_what_the_connection_says_of_certificates_counts_whatever_the_environment_says(
    environment: dict[str, str], verify: Any, ca: Path, server: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in environment.items():
        monkeypatch.setenv(name, str(ca / file))
    extra = {"verify": verify and str(ca / verify)}
    connect("x", conn_type="scim", host=server, password=PASSWORD, extra=extra)
    with _insecure_is_told(verify):
        assert ask(directory_endpoint("x", patient=False)) == 404
    connect("x", conn_type="sims", host=server, login="sync", password=PASSWORD, extra=extra)
    with _insecure_is_told(verify), pytest.raises(UnexpectedAnswer, match="HTTP 404"):
        sims_client("x").school()


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
@pytest.mark.parametrize("verify", ["ca.pem", False, None])
def test_what_the_connection_says_of_certificates_counts_for_its_token_endpoint_too(
    environment: dict[str, str], verify: Any, ca: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in environment.items():
        monkeypatch.setenv(name, str(ca / file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "ca.pem", ca / "ca.key")
    with serving(reply_with_token, context) as login, serving(reply) as server:
        extra = {"verify": verify and str(ca / verify), "token_url": f"{login}/token"}
        host = f"http://{server}"
        connect("x", conn_type="scim", host=host, login="sync", password=PASSWORD, extra=extra)
        if verify is None:
            with pytest.raises(SyncError, match="token endpoint") as caught:
                ask(directory_endpoint("x", patient=False))
            assert "REQUESTS_CA_BUNDLE" in str(caught.value) or "CA of the connection" in str(caught.value)
            assert not seen
            return
        with _insecure_is_told(verify):
            assert ask(directory_endpoint("x", patient=False)) == 404
    assert [path for path, _ in seen] == ["/token", "/Users"]


def reply_with_token(handler: BaseHTTPRequestHandler) -> None:
    body = b'{"access_token": "abc", "token_type": "Bearer"}'
    reply(handler, 200, **{"Content-Length": str(len(body))})
    handler.wfile.write(body)


@contextmanager
def _insecure_is_told(verify: Any) -> Iterator[None]:
    if verify:
        yield
        return
    with pytest.warns(match="Unverified HTTPS request"):
        yield


def test_a_connection_that_says_nothing_of_certificates_takes_those_of_the_environment(
    ca: Path, server: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("x", conn_type="scim", host=server, password=PASSWORD)
    with pytest.raises(TransientFault, match="the CA of the connection"):
        ask(directory_endpoint("x", patient=False))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca / "ca.pem"))
    assert ask(directory_endpoint("x", patient=False)) == 404
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca / "no.pem"))
    with pytest.raises(PermanentFault, match="REQUESTS_CA_BUNDLE"):
        ask(directory_endpoint("x", patient=False))
    connect("x", conn_type="sims", host=server, login="sync", password=PASSWORD)
    with pytest.raises(PermanentFault, match="REQUESTS_CA_BUNDLE"):
        sims_client("x").school()


WRONG = {
    "no.pem": "is not there",
    "empty.pem": "holds no certificate in the format PEM",
    "text.pem": "holds no certificate in the format PEM",
    "ca.key": "holds no certificate in the format PEM",
    "ca.der": "holds no certificate in the format PEM",
    "ca.pem/x": "cannot be read",
    "\0": "cannot be read",
}


@pytest.mark.parametrize("file", WRONG)
@pytest.mark.parametrize("host", ["https://directory.example.org", "http://localhost/x"])
def test_a_ca_bundle_that_is_none_is_told_as_that_before_anything_is_asked(
    file: str, host: str, ca: Path, connect: Connect
) -> None:
    for conn_type, opened in (("sims", sims_client), ("scim", directory_endpoint)):
        extra = {"verify": f"{ca}/{file}"}
        connect("x_green_abbey", conn_type=conn_type, host=host, login="a", password=PASSWORD, extra=extra)
        with pytest.raises(PermanentFault, match=rf"x_green_abbey .*{WRONG[file]}"):
            opened("x_green_abbey")


@pytest.mark.parametrize(
    ("verify", "wrong"), [(7, "neither a path"), ([], "neither a path"), ("false", "is not there")]
)
def test_a_verify_of_another_kind_is_told(verify: Any, wrong: str, connect: Connect) -> None:
    connect("x", conn_type="scim", host="https://directory.example.org", password=PASSWORD, extra={"verify": verify})
    with pytest.raises(PermanentFault, match=wrong):
        directory_endpoint("x")


@pytest.mark.parametrize("cert", ["/no/cert.pem", ["/no/cert.pem", "/no/key.pem"]])
def test_a_client_certificate_that_is_not_there_is_told(cert: Any, connect: Connect) -> None:
    connect("x", conn_type="scim", host="https://directory.example.org", password=PASSWORD, extra={"cert": cert})
    with pytest.raises(PermanentFault, match="client certificate"):
        directory_endpoint("x")


def test_a_folder_of_certificates_is_a_ca_bundle_as_well(
    ca: Path, server: str, connect: Connect, tmp_path: Path
) -> None:
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", ca / "ca.pem"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (tmp_path / f"{hashed}.0").write_text((ca / "ca.pem").read_text())
    connect("x", conn_type="scim", host=server, password=PASSWORD, extra=json.dumps({"verify": str(tmp_path)}))
    assert ask(directory_endpoint("x", patient=False)) == 404
