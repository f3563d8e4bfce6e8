"""One encrypted file that holds all of a controller, made while it runs; and the way back."""
