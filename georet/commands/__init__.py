"""What the commands do, from their parsed arguments to what is printed."""
