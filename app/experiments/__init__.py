"""Evaluating the outputs of a model over a dataset; gates decide whether a build goes on."""
