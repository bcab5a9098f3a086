"""Addresses of servers: the host of one, and whether it is reached from this machine alone.

The idea: a gateway and a reader that only their own machine reaches let in whoever calls; so this is asked in
one place.
"""

import ipaddress


def host_of(address: str) -> str:
    """The host of HOST:PORT, or of HOST alone, in lower case; an IPv6 address keeps its brackets."""
    host, colon, _ = address.lower().rpartition(":")
    return host if colon and not address.endswith("]") else address.lower()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and is reached from it alone; names but localhost may be anybody's."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether a host stands for all addresses of this machine."""
    return host.strip("[]") in ("0.0.0.0", "::")
