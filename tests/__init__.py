r"""The tests; a package, so that benchmarks and examples can use its servers."""
