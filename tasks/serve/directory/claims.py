"""What one node may believe to hold: its claims, and until when.

The idea: a lease is counted from before the directory was asked, by the node's own clock, so it never ends
later here than there. Where no heartbeat goes through, the node stops by itself.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from tasks.serve.directory.base import Claim, Directory, Holding, Key, Load


class Claims:
    """The claims of the node with this address. Every method may be called from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, directory: Directory, node: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.directory, self.node, self.clock = directory, node, clock
        self.lock = threading.Lock()
        self.until: dict[Claim, float] = {}

    def claim(self, tenant: str, key: str) -> Claim:
        """As `Directory.claim`."""
        asked = self.clock()
        claim = self.directory.claim(tenant, key, self.node)
        with self.lock:
            self.until[claim] = asked + self.directory.lease_s
        return claim

    def holds(self, claim: Claim) -> bool:
        """Whether the context is certainly this node's: only then is it answered from, or written to."""
        with self.lock:
            return self.until.get(claim, 0.0) > self.clock()

    def beat(self, holdings: Iterable[Holding], load: Load) -> set[Key]:
        """As `Directory.beat`: what is lost is no longer believed in.

        Raises:
            Transient: if the directory was not reached; what is held so far is believed in to its end.
        """
        asked = self.clock()
        told = [replace(one, lapsed=not self.holds(one.claim)) for one in holdings]
        lost = self.directory.beat(self.node, told, load)
        with self.lock:
            for claim in (one.claim for one in told):
                if (claim.tenant, claim.key) in lost:
                    self.until.pop(claim, None)
                elif claim in self.until:
                    self.until[claim] = asked + self.directory.lease_s
        return lost

    def release(self, claim: Claim) -> None:
        """As `Directory.release`: not believed in from before the directory hears of it."""
        with self.lock:
            self.until.pop(claim, None)
        self.directory.release(claim.tenant, claim.key, self.node)
