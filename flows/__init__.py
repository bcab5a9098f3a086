"""What happens, in which order: Prefect flows, their configuration and the command line."""
