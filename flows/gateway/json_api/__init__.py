"""The JSON API of the gateway, which its own OpenAPI describes."""
