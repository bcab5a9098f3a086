"""The headline: speed and utilisation, one context of millions of tokens, and what decays with length."""
