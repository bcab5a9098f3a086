"""Mails: what a person wrote, below who wrote it to whom and when; attachments are documents of their own."""
