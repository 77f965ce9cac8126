"""Open models and decode tokens: the layer over the compiled core."""
