"""The API for backends: one file per resource, its schemas beside it."""
