"""What Spark needs: Java, jars, settings, secrets."""
