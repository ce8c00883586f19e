import pytest

from georet.errors import UsageError
from georet.serve.access import Access
from georet.serve.run import bind, check_access

OWN = {"host": "127.0.0.1:8765"}
TOKEN = "0123456789abcdef"


def status(access, method="GET", **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = access.refuses(method, OWN | given)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"])
def test_names_of_this_machine_are_served(host):
    assert status(Access(), host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "a@localhost", "[::1", "x:y",
     "127.0.0.1:8765/..", "localhost evil.example", "2130706433", "127.1"],
)  # fmt: skip
def test_other_names_are_refused(host):
    assert status(Access(), host=host) == 403


def test_a_wildcard_serves_addresses_but_no_foreign_names():
    access = Access("0.0.0.0", TOKEN, machine="My-Machine")
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert status(access, host="192.168.1.7:8765", **bearer) is None
    assert status(access, host="my-machine:8765", **bearer) is None
    assert status(access, host="rebound.example:8765", **bearer) == 403


def test_only_the_own_origin_may_start_requests():
    assert status(Access(), "POST", origin="http://127.0.0.1:8765") is None
    assert status(Access(), "POST") is None
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765"):
        assert status(Access(), "POST", origin=origin) == 403


def test_fetch_metadata_of_another_page_is_refused_unless_it_is_a_visit():
    assert status(Access(), sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403
    assert status(Access(), "POST", sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 403
    assert status(Access(), sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    assert status(Access(), sec_fetch_site="same-origin", sec_fetch_mode="cors") is None


def test_with_a_token_nothing_is_served_without_it():
    access = Access(token=TOKEN)
    assert status(access) == 401
    assert status(access, authorization="Bearer wrong-wrong-wrong") == 401
    assert status(access, authorization=f"Basic {TOKEN}") == 401
    assert status(access, cookie="georet_token=x; other=1") == 401
    assert status(access, authorization=f"Bearer {TOKEN}") is None
    assert status(access, cookie=f"other=1; georet_token={TOKEN}") is None


def test_a_right_token_does_not_open_the_door_to_foreign_pages():
    access = Access(token=TOKEN)
    cookie = {"cookie": f"georet_token={TOKEN}"}
    assert status(access, "POST", origin="http://evil.example", **cookie) == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "my-machine"])
def test_an_address_that_others_reach_needs_a_token(host):
    with pytest.raises(UsageError, match="token"):
        check_access(host, None)
    assert check_access(host, TOKEN).token == TOKEN


def test_a_short_token_is_refused():
    with pytest.raises(UsageError, match="at least 16"):
        check_access("127.0.0.1", "secret")


def test_a_token_that_would_break_the_address_is_refused():
    for token in ("0123456789abcdef&x=1", "0123456789abcde f", "0123456789abcdefö"):
        with pytest.raises(UsageError, match="characters"):
            check_access("127.0.0.1", token)


@pytest.mark.parametrize("host", ["a..b", "x" * 300, "nowhere.invalid", "é" * 70])
def test_an_address_that_is_none_is_named(host):
    with pytest.raises(UsageError, match="can't be had"):
        bind(host, 0)
