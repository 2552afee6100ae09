"""When work happens: load profiles, as pure computation."""
