"""Where code runs: the executor, the languages, files in and out."""
