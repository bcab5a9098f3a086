"""What every request passes before its route: who sends it, from where, how much, how often, how slowly."""
