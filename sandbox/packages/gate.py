"""Where pip and npm may connect to while they install: the package index, and public addresses only if what is installed needs them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_PYPI = frozenset({("pypi.org", 443), ("files.pythonhosted.org", 443)})
NPM = frozenset({("registry.npmjs.org", 443)})
"""Where npm's packages come from."""
_WEB_PORTS = (80, 443)
# Public as they are written, but they stand for an IPv4 address that may not be.
_TRANSLATED = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class Refused(Exception):
    """A connection that is not allowed; the text says why."""


@dataclass(frozen=True)
class Gate:
    """Decides on each connection: the index's own hosts are allowed wherever they are, others only at public addresses, if at all."""

    hosts: frozenset[tuple[str, int]]
    public: bool

    def addresses(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Resolve the name and return the addresses that may be connected to; raises Refused if there are none, OSError if it fails."""
        own = (host.lower().rstrip("."), port) in self.hosts
        if not own and not (self.public and port in _WEB_PORTS):
            raise Refused(f"{host}:{port} is not the package index")
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        allowed = [(address, port) for address in found if own or is_public(address)]
        if not allowed:
            raise Refused(f"{host} is not a public address")
        return allowed


def gate_for(index_url: str, *, addresses: bool = False, otherwise: frozenset[tuple[str, int]] = _PYPI) -> Gate:
    """Return the gate for this package index, or for the `otherwise` hosts if it is "".

    `addresses` says that packages are fetched from elsewhere, too, as the user wants. An index of the user's own may link to files on
    any host, so public addresses are allowed with it.
    """
    if not index_url:
        return Gate(otherwise, public=addresses)
    parts = urlsplit(index_url)
    return Gate(frozenset({((parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80))}), public=True)


def is_public(address: str) -> bool:
    """Whether the address belongs to the public internet: not private, link-local, loopback, shared, reserved or multicast."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    return ip.is_global and not ip.is_multicast and not any(ip.version == net.version and ip in net for net in _TRANSLATED)
