"""One file per module, the whole program, and the engine that tests run on."""
