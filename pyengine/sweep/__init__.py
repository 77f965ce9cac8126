"""Make many variants of a model and measure each in its own process, so that it can go on."""
