"""Reading an answer as one thing: which of its blocks are programs, which belong together, and which are only shown."""
