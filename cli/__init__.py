"""The command line: builds a request, calls dpkit, prints what it returns."""
