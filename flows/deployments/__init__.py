"""Reading and upkeep on a Prefect server: by a form, by a schedule, and nights that went wrong."""
