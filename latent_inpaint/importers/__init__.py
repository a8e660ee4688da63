"""Networks of other projects, rewritten into ours."""
