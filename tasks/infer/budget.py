"""What a run may spend, asked after every window: a budget ends the reading, and what was read is kept."""

from dataclasses import dataclass

from tasks.settings import BudgetConfig


@dataclass
class Spending:
    """A budget, and what the run had spent when its reading began."""

    budget: BudgetConfig
    seconds: float = 0.0
    """Seconds of the run before the first window."""
    gpus: int = 0
    """GPUs of each machine that reads."""

    def over(self, tokens: int, seconds: float, nodes: int) -> str:
        """The limit that so many tokens, read in so many seconds, have reached, as it was set; "" below."""
        spent = {
            "tokens": float(tokens),
            "seconds": self.seconds + seconds,
            "gpu_hours": nodes * self.gpus * seconds / 3600,
        }
        for name, amount in spent.items():
            limit = getattr(self.budget, name)
            if limit and amount >= limit:
                return f"budget.{name}={limit:g}"
        return ""
