"""When what has arrived is read: once it has been quiet for a while, and never later than a limit.

The idea: a burst is one run. Every change starts the quiet period anew, but none moves the limit, and what a
run was refused for waits until something else arrives or some time has passed.
"""

from dataclasses import dataclass

FOREVER = float("inf")


@dataclass
class Gathering:
    """What has arrived since the last run; times in seconds of any one clock."""

    quiet_s: float
    gather_s: float
    digest: str = ""
    """Of what is pending; "" for nothing."""
    first: float = FOREVER
    last: float = FOREVER
    refused: str = ""
    """The digest for which the last run ended badly."""
    refused_until: float = 0.0

    def moved(self, now: float) -> None:
        """Something arrived, or may have."""
        self.first, self.last = min(self.first, now), now

    def see(self, digest: str, now: float) -> None:
        """What a look at the place found pending."""
        if not digest:
            self.first = self.last = FOREVER
        elif digest != self.digest:
            self.moved(now)
        self.digest = digest

    def refuse(self, until: float) -> None:
        """A run for what is pending ended badly: not again before `until`, unless more arrives."""
        self.refused, self.refused_until = self.digest, until

    def finish(self) -> None:
        """A run has read what was pending."""
        self.digest, self.refused = "", ""
        self.first = self.last = FOREVER

    def ready(self, now: float, whole: bool = True) -> bool:
        """Whether what is pending is to be read now.

        Args:
            whole: False while something that belongs to it is known to be still to come.
        """
        if not self.digest or (self.digest == self.refused and now < self.refused_until):
            return False
        return self.late(now) or (whole and now >= self.last + self.quiet_s)

    def late(self, now: float) -> bool:
        """Whether what is pending has waited as long as anything may."""
        return now >= self.first + self.gather_s

    def next_look(self, now: float, interval: float) -> float:
        """When the place is to be looked at again, where the last look was `now`: within `interval`."""
        times = [self.last + self.quiet_s, self.first + self.gather_s]
        if self.digest == self.refused:
            times.append(self.refused_until)
        return min([now + interval, *(time for time in times if time > now)])
