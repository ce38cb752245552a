"""What a shop adds to Headrace."""
