"""The services of one machine: settings, start, watch, stop."""
