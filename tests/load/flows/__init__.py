"""Group `flows`: whole consultations."""
