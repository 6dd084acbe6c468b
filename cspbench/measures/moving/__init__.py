"""Memory traffic of one call: what its operators read and write, by module."""
