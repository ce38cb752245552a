"""From declarations to job specs, and which versions of tables must stay readable."""
