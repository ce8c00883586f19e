"""Located photos as records, files, tables and a page."""
