"""Every route says who may use it, and keeps to it: the whole route table is walked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from bridge.http_routes import otlp_routes
from bridge.quotas import Quotas
from bridge.receive import Receiver
from viewer.app import create_app
from viewer.keys import Authenticator
from viewer.metrics import Metrics
from viewer.policy import Policy, PolicyRoute
from viewer.requests import Requests
from viewer.settings import Settings
from viewer.store.sqlite import SqliteStore

URL = "http://tracen.example"
SETTINGS = Settings(base_url=URL, sign_up="open", operator_token="scrape-me")
OURS = {"sec-fetch-site": "same-origin"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    store = SqliteStore(tmp_path / "t.db")
    keys, requests = Authenticator(store, lambda: 0.0), Requests(Metrics(), lambda: 0)
    otlp = otlp_routes(Receiver(store, keys, Quotas(store, 0, 0, lambda: 0.0), "", lambda: 0), requests, 1)
    yield create_app(store, SETTINGS, keys, requests, more_routes=otlp)
    store._opened.close()


@pytest.fixture
def client(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app, URL, follow_redirects=False) as client:
        yield client


def with_policy(app: Starlette, policy: Policy) -> list[tuple[str, str]]:
    """Method and path of each route of a policy, with something in the place of its parameters."""
    found = []
    for route in app.routes:
        if isinstance(route, PolicyRoute) and route.policy is policy:
            path = route.path
            for name in route.param_convertors:
                path = path.replace(f"{{{name}}}", "1" * 32)
            found += [(method, path) for method in sorted(route.methods or ["POST"]) if method != "HEAD"]
    return found


def test_every_route_declares_its_policy(app: Starlette) -> None:
    """What is not declared is refused here, not found by a stranger."""
    assert len(app.routes) > 20
    for route in app.routes:
        assert isinstance(route, Route | Mount)
        assert isinstance(getattr(route, "policy", None), Policy), f"{route.path} declares no policy"


def ask(client: TestClient, method: str, path: str, **headers: str) -> httpx2.Response:
    return client.request(method, path, headers=headers)


def test_routes_for_keys_refuse_whoever_has_none(app: Starlette, client: TestClient) -> None:
    """A session's cookie is worth nothing there."""
    routes = with_policy(app, Policy.KEY)
    assert ("POST", "/api/traces") in routes
    for method, path in routes:
        client.cookies.set("tracen_session", "x" * 43)
        assert ask(client, method, path, **OURS).status_code == 401, (method, path)


def test_routes_for_sessions_refuse_whoever_has_not_logged_in(app: Starlette, client: TestClient) -> None:
    """People are led to the log-in, programs are told 401."""
    for method, path in with_policy(app, Policy.SESSION):
        answer = ask(client, method, path, **OURS, accept="text/html")
        assert answer.status_code == (303 if method == "GET" else 401), (method, path)
        if method == "GET":
            assert answer.headers["location"].startswith("/login?next=/")
        assert ask(client, method, path, **OURS, accept="application/json").status_code == 401, (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "http://["},
    ],
)
def test_what_other_sites_post_is_refused(
    app: Starlette, client: TestClient, headers: dict[str, str]
) -> None:
    """Before anything else is looked at: a cookie that comes along changes nothing."""
    routes = with_policy(app, Policy.SESSION) + with_policy(app, Policy.PUBLIC)
    for method, path in routes:
        if method in UNSAFE:
            assert ask(client, method, path, **headers).status_code == 403, (method, path)


def test_pages_answer_to_our_own_names_alone(app: Starlette, client: TestClient) -> None:
    """Else a name that leads here makes a page of somebody else's site out of ours."""
    for method, path in with_policy(app, Policy.PUBLIC) + with_policy(app, Policy.SESSION):
        assert ask(client, method, path, host="evil.example").status_code == 400, (method, path)
    assert ask(client, "GET", "/healthz", host="10.0.0.1").status_code == 200


def test_figures_ask_for_the_operators_token(client: TestClient) -> None:
    """Where there is one; probes never need it."""
    assert ask(client, "GET", "/metrics").status_code == 401
    assert ask(client, "GET", "/metrics", authorization="Bearer other").status_code == 401
    assert ask(client, "GET", "/metrics", authorization="Bearer scrape-me").status_code == 200
    assert ask(client, "GET", "/healthz").status_code == 200


def test_get_changes_nothing(app: Starlette) -> None:
    """No address that somebody can be made to open does what a form does: log-out, revoke, delete."""
    for method, path in with_policy(app, Policy.SESSION):
        if path.rpartition("/")[2] in ("logout", "delete", "revoke", "rotate"):
            assert method == "POST", path


def test_operator_token_is_off_by_default() -> None:
    """A scraper needs nothing more than it did."""
    assert replace(Settings(), host="127.0.0.1").operator_token == ""


def test_transport_is_strict_where_there_is_tls(tmp_path: Path) -> None:
    """And only there: a server without it would lock its readers out."""
    for url, told in ((URL, None), ("https://tracen.example", "max-age=31536000")):
        store = SqliteStore(tmp_path / f"{told}.db")
        keys, requests = Authenticator(store, lambda: 0.0), Requests(Metrics(), lambda: 0)
        with TestClient(create_app(store, replace(SETTINGS, base_url=url), keys, requests), url) as client:
            assert client.get("/robots.txt").headers.get("strict-transport-security") == told
        store._opened.close()


def test_refusals_are_kept_by_no_cache(client: TestClient) -> None:
    """A page that is not there now may be in a moment, and the other way round."""
    for path in ("/traces/none", "/traces/none.json", "/nowhere", "/app/settings"):
        assert client.get(path).headers["cache-control"] == "no-store", path
