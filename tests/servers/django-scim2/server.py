"""django-scim2 in a project of its own, in memory. Argument: the adapter of users, by default the package's own."""

import json
import secrets
import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

TOKEN = secrets.token_urlsafe()


def login(get_response):
    """Middleware: whoever has the token is logged in."""

    def respond(request):
        from django.contrib.auth import get_user_model
        from django.contrib.auth.models import AnonymousUser

        known = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        request.user = get_user_model()() if known else AnonymousUser()
        return get_response(request)

    return respond


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTH_USER_MODEL="school.User",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_scim", "school"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["__main__.login"],
    ROOT_URLCONF="__main__",
    SECRET_KEY=secrets.token_urlsafe(),
    SCIM_SERVICE_PROVIDER={
        "NETLOC": "127.0.0.1",
        "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "Bearer", "description": "A bearer token"}],
        "USER_ADAPTER": sys.argv[1] if len(sys.argv) > 1 else "django_scim.adapters.SCIMUser",
    },
    USE_TZ=True,
)
django.setup()
urlpatterns = [path("scim/v2/", include("django_scim.urls"))]
call_command("migrate", run_syncdb=True, verbosity=0)
with make_server("127.0.0.1", 0, get_wsgi_application()) as server:
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}/scim/v2", "token": TOKEN}), flush=True)
    server.serve_forever()
