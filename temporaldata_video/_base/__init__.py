r"""What all rooms share: uris, containers, caches of a process, the bounds on memory."""
