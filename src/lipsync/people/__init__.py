"""People of a project: videos taken in, listed, taken out (docs/people.md)."""
