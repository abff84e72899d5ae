"""Callbacks under the import paths that users' scripts know."""
