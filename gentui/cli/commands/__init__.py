"""One module per group of commands; each is imported when a command of it is called."""
