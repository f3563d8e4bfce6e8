"""Which proxy a request takes.  Pure; scripts are run elsewhere, their answers are read here.

Source: EVE API v2, section 12; node reference, section 5.4.
"""

import json
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from eaves.errors import Rejected
from eaves.node.uplinks.model import ProxyPlan

SCHEMES = {"PROXY": "http", "HTTP": "http", "HTTPS": "https"}


class ProxyUnusable(Rejected):
    """The port cannot be used with this proxy; the text says why."""


def explicit(plan: ProxyPlan, url: str) -> str:
    """URL of the proxy for `url`; empty: none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if bypasses(host, plan.exceptions):
        return ""
    server = next((s for s in plan.servers if s.scheme == parts.scheme), None)
    if server is None:
        return ""
    address = server.host if "://" in server.host else f"http://{server.host}"
    told = urlsplit(address)
    if told.scheme not in {"http", "https"} or not told.hostname:
        raise ProxyUnusable(f"proxy {server.host!r} is no http(s) address; correct the network")
    try:
        has_port = told.port is not None
    except ValueError as error:
        raise ProxyUnusable(f"proxy {server.host!r}: {error}; correct the network") from error
    return address if has_port or not server.port else f"{address}:{server.port}"


def bypasses(host: str, exceptions: tuple[str, ...]) -> bool:
    """Is `host` asked without a proxy?  An exception is a host, a .domain, a CIDR or `*`."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        address = None
    if address is not None and address.is_loopback:
        return True
    for one in exceptions:
        exception = one.lower().rstrip(".")
        if exception == "*":
            return True
        if address is not None:
            try:
                if address in ip_network(exception, strict=False):
                    return True
            except ValueError:
                continue
        elif _names(exception, name):
            return True
    return False


def _names(exception: str, name: str) -> bool:
    """`example.org` means itself and what lies below it, `.example.org` only the latter."""
    below = "." + exception.removeprefix("*").lstrip(".")
    return name.endswith(below) or name == exception


def from_script(answer: str) -> str:
    """The first thing that a PAC script says: `PROXY host:port`, `HTTPS host:port` or `DIRECT`."""
    first = answer.partition(";")[0].split()
    if not first or first[0].upper() == "DIRECT":
        return ""
    kind = first[0].upper()
    scheme = SCHEMES.get(kind)
    if scheme is None or len(first) < 2:
        raise ProxyUnusable(
            f"the PAC file answers {answer[:80]!r}; only PROXY, HTTPS and DIRECT can be followed"
        )
    return f"{scheme}://{first[1]}"


def wpad_urls(domain: str) -> tuple[str, ...]:
    """Where a domain's script may be: one label fewer each time, never at a bare top level."""
    labels = [label for label in domain.strip(".").lower().split(".") if label]
    return tuple(
        f"http://wpad.{'.'.join(labels[n:])}/wpad.dat" for n in range(max(0, len(labels) - 1))
    )


# The program that asks a script.  It has no file and no network: what it may ask for is looked up
# before and given to it.

_FUNCTIONS = """
function isPlainHostName(h) { return h.indexOf('.') < 0; }
function dnsDomainIs(h, d) {
  return h.length >= d.length && h.substring(h.length - d.length) === d;
}
function localHostOrDomainIs(h, d) { return h === d || d.lastIndexOf(h + '.', 0) === 0; }
function dnsResolve(h) {
  if (/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(h)) { return h; }
  return EAVES.names.hasOwnProperty(h) ? EAVES.names[h] : null;
}
function isResolvable(h) { return dnsResolve(h) !== null; }
function myIpAddress() { return EAVES.mine; }
function dnsDomainLevels(h) { return h.split('.').length - 1; }
function eavesNumber(a) {
  var p = a.split('.'), n = 0, i;
  for (i = 0; i < 4; i++) { n = n * 256 + (parseInt(p[i], 10) || 0); }
  return n;
}
function isInNet(h, net, mask) {
  var a = dnsResolve(h);
  if (a === null) { return false; }
  var m = eavesNumber(mask);
  return (eavesNumber(a) & m) === (eavesNumber(net) & m);
}
function shExpMatch(s, e) {
  var r = e.replace(/[.+^${}()|[\\]\\\\]/g, '\\\\$&').replace(/\\*/g, '.*').replace(/\\?/g, '.');
  return new RegExp('^' + r + '$').test(s);
}
function eavesNow(args) {
  return args.length && args[args.length - 1] === 'GMT' ? 'UTC' : '';
}
function eavesBetween(v, a, b) { return a <= b ? v >= a && v <= b : v >= a || v <= b; }
function weekdayRange() {
  var days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'], d = new Date();
  var today = eavesNow(arguments) ? d.getUTCDay() : d.getDay();
  var a = days.indexOf(arguments[0]), b = days.indexOf(arguments[1]);
  return eavesBetween(today, a, b < 0 ? a : b);
}
function timeRange() {
  var d = new Date(), utc = eavesNow(arguments), n = arguments.length - (utc ? 1 : 0);
  var h = utc ? d.getUTCHours() : d.getHours(), m = utc ? d.getUTCMinutes() : d.getMinutes();
  if (n === 1) { return h === arguments[0]; }
  if (n === 2) { return eavesBetween(h, arguments[0], arguments[1] - 1); }
  return eavesBetween(h * 60 + m, arguments[0] * 60 + arguments[1],
                      arguments[2] * 60 + arguments[3]);
}
function alert() {}
"""


def program(script: str, url: str, mine: str, names: Mapping[str, str]) -> str:
    """JavaScript that prints the script's answer for `url`.

    `mine` is the address that the port sends from, `names` what may be looked up.  Of an https URL
    the script sees scheme and host only, as in browsers.
    """
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}/" if parts.scheme == "https" else url
    given = json.dumps({"names": dict(names), "mine": mine or "127.0.0.1"})
    asked = f"{json.dumps(shown)}, {json.dumps(parts.hostname or '')}"
    return (
        f"var EAVES = {given}, require, Duktape;\nrequire = Duktape = undefined;\n"
        f"{_FUNCTIONS}\n{script}\n"
        f";print('EAVES-ANSWER ' + String(FindProxyForURL({asked})));\n"
    )


def answer_of(printed: str) -> str:
    """The last answer that the program printed; a script may print other things before it."""
    told = [line for line in printed.splitlines() if line.startswith("EAVES-ANSWER ")]
    if not told:
        raise ProxyUnusable("the PAC file gives no answer: it has no FindProxyForURL that returns")
    return told[-1].removeprefix("EAVES-ANSWER ").strip()
