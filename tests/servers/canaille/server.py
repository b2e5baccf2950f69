"""canaille with its SCIM API, everything in memory; one client of its own has a token."""

import datetime
import json
import secrets

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import make_server

app = create_app({"SECRET_KEY": secrets.token_urlsafe(), "CANAILLE": {"DATABASE": "memory"}, "CANAILLE_SCIM": {}})
token = secrets.token_urlsafe()
with app.app_context():
    client = models.Client(client_id="sync", client_name="The sync")
    Backend.instance.save(client)
    granted = models.Token(
        token_id="sync",
        access_token=token,
        client=client,
        subject=None,
        type="access_token",
        scope=[],
        issue_date=datetime.datetime.now(datetime.UTC),
        lifetime=24 * 60 * 60,
    )
    Backend.instance.save(granted)

server = make_server("127.0.0.1", 0, app)
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}/scim/v2", "token": token}), flush=True)
server.serve_forever()
