"""What is measured of columns and of predictions."""
