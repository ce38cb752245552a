"""The launcher: sets up a checkout, starts the embedded default's services and watches them."""
