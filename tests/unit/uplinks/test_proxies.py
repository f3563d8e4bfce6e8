"""Which proxy a request takes: exceptions, scripts, and where scripts are looked for."""

import pytest

from eaves.node.uplinks.model import ProxyPlan, ProxyServer
from eaves.node.uplinks.proxies import (
    ProxyUnusable,
    answer_of,
    bypasses,
    explicit,
    from_script,
    program,
    wpad_urls,
)

PLAN = ProxyPlan(
    (ProxyServer("http", "10.0.0.1", 3128), ProxyServer("https", "https://10.0.0.2", 3129)),
    ("a.test", ".b.test", "10.0.0.0/8", "192.0.2.7"),
)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://c.test/x", "http://10.0.0.1:3128"),
        ("https://c.test/x", "https://10.0.0.2:3129"),
        ("https://a.test/", ""),
        ("https://sub.a.test/", ""),
        ("https://nota.test/", "https://10.0.0.2:3129"),
        ("https://b.test/", "https://10.0.0.2:3129"),
        ("https://sub.b.test/", ""),
        ("https://10.9.9.9/", ""),
        ("https://192.0.2.7/", ""),
        ("https://192.0.2.8/", "https://10.0.0.2:3129"),
        ("https://localhost:8443/", ""),
        ("https://127.0.0.1/", ""),
        ("https://[::1]/", ""),
        ("sftp://c.test/", ""),
    ],
)
def test_the_proxy_of_a_url(url: str, proxy: str) -> None:
    assert explicit(PLAN, url) == proxy


def test_a_star_is_for_all() -> None:
    assert bypasses("anything.test", ("*",))


@pytest.mark.parametrize("server", ["socks5://10.0.0.1", "http://", "http://10.0.0.1:99999"])
def test_a_proxy_that_cannot_be_spoken_to_is_an_error_of_the_port(server: str) -> None:
    with pytest.raises(ProxyUnusable):
        explicit(ProxyPlan((ProxyServer("https", server, 0),)), "https://c.test/")


@pytest.mark.parametrize(
    ("answer", "proxy"),
    [
        ("DIRECT", ""),
        ("", ""),
        ("PROXY p.test:8080; DIRECT", "http://p.test:8080"),
        ("direct; PROXY p.test:1", ""),
        ("HTTPS p.test:443", "https://p.test:443"),
    ],
)
def test_only_the_first_word_of_a_script_counts(answer: str, proxy: str) -> None:
    assert from_script(answer) == proxy


@pytest.mark.parametrize("answer", ["SOCKS p.test:1080", "PROXY", "anything else"])
def test_an_answer_that_cannot_be_followed_is_an_error(answer: str) -> None:
    with pytest.raises(ProxyUnusable):
        from_script(answer)


def test_a_domain_is_walked_up_and_never_to_its_top() -> None:
    assert wpad_urls("dev.office.example.test") == (
        "http://wpad.dev.office.example.test/wpad.dat",
        "http://wpad.office.example.test/wpad.dat",
        "http://wpad.example.test/wpad.dat",
    )
    assert wpad_urls("test") == wpad_urls("") == ()


def test_a_script_is_shown_no_more_of_an_https_url_than_its_host() -> None:
    told = program("function FindProxyForURL(u, h) {}", "https://c.test/secret?key=1", "", {})
    assert "secret" not in told
    assert '"https://c.test/", "c.test"' in told


def test_a_host_name_is_data_in_the_program() -> None:
    told = program("", 'http://c.test/");evil("', "10.0.0.1", {'x"': "10.0.0.2"})
    assert '\\");evil(\\"' in told
    assert '"x\\""' in told


def test_a_script_that_prints_nothing_gives_no_answer() -> None:
    assert answer_of("noise\nEAVES-ANSWER PROXY p.test:1\n") == "PROXY p.test:1"
    with pytest.raises(ProxyUnusable, match="no answer"):
        answer_of("undefined\n")
