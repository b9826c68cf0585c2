"""What forms may send, and where a log-in may lead."""

from __future__ import annotations

import pytest

from tests.viewer.accounts.site import EMAIL, FROM_A_PAGE, PASSWORD, Site
from viewer.accounts.fields import FORM, MAX_BYTES, MAX_FIELDS, local_path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/app/traces",
        "/app/traces?status=error&q=a%20b#top",
        "/traces/x/../y",
        "/%2F%2Fevil.example",
        "/@evil",
    ],
)
def test_paths_of_this_server_are_followed(path: str) -> None:
    """As they stand."""
    assert local_path(path, "/otherwise") == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app/traces",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/app\r\nSet-Cookie: a=b",
        "/app\x00",
        "/app\\..\\..",
        "https://evil.example/",
        "HTTPS://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "//tracen.example@evil.example",
        ".//evil.example",
        "?//evil.example",
        "／／evil.example",
        "/\u2028/evil.example",
        "/" + "a" * 3_000,
    ],
)
def test_paths_that_could_lead_elsewhere_are_not(text: str, site: Site) -> None:
    """Neither from the address nor from the form."""
    assert local_path(text, "/otherwise") == "/otherwise"
    browser = site.browser()
    browser.sign_up()
    browser.post("/logout")
    answer = browser.log_in(next=text)
    assert answer.headers["location"] == "/app/traces"


def test_log_in_leads_on(site: Site) -> None:
    """From the page that asked for it, through the form, to that page."""
    browser = site.browser()
    browser.sign_up()
    browser.post("/logout")
    led = browser.get("/app/account?told=otlp")
    assert led.headers["location"] == "/login?next=/app/account%3Ftold%3Dotlp"
    page = browser.get(led.headers["location"])
    assert 'name="next" value="/app/account?told=otlp"' in page.text
    assert browser.log_in(next="/app/account?told=otlp").headers["location"] == "/app/account?told=otlp"
    assert browser.get("/login?next=/app/account").headers["location"] == "/app/account"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"email=a", "multipart/form-data; boundary=x", 415),
        (b"{}", "application/json", 415),
        (b"email=a", "", 415),
        (b"email=" + b"a" * MAX_BYTES, FORM, 413),
        (b"&".join(b"a=%d" % n for n in range(MAX_FIELDS + 1)), FORM, 400),
        (b"email=%ff%fe", FORM, 400),
        ("email=é".encode(), FORM, 400),
        (b"email=%ED%A0%80", FORM, 400),  # a lone surrogate
        (b"", FORM, 401),
        (b"=&&=&%=", FORM, 401),
        (b"email=a&email=b&password=x", f"{FORM};charset=utf-8", 401),
    ],
)
def test_forms_are_few_short_fields(site: Site, body: bytes, content_type: str, status: int) -> None:
    """What is none is refused before it is understood; what is one, and wrong, fails as any log-in."""
    client = site.browser().client
    answer = client.post("/login", content=body, headers={"content-type": content_type})
    assert answer.status_code == status


def test_field_that_comes_twice_is_its_last(site: Site) -> None:
    """One rule, for all who read a form."""
    client = site.browser().client
    body = f"email=eve@x.example&email={EMAIL}&password={PASSWORD.replace(' ', '+')}"
    answer = client.post("/signup", content=body, headers={"content-type": FORM, **FROM_A_PAGE})
    assert answer.status_code == 303
    assert site.browser().log_in().status_code == 303
