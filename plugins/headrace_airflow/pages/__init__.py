"""What is looked at in the browser."""
