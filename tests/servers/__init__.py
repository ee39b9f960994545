r"""Real servers on loopback for tests and benchmarks, each a process of its own.

.. code-block:: python

    with serve_s3() as s3, serve_proxy(s3.url) as proxy:
        s3.put("lab/cam.mp4", data)
        proxy.behave(delay=0.02)
        video = tv.LazyVideo.from_uri("s3://lab/cam.mp4",
                                      storage_options=s3.options(proxy))
        ...
        print(proxy.requests())
"""

from .files import FileServer, serve_files
from .proxy import Behaviour, Proxy, Request, serve_proxy
from .s3 import S3Server, serve_s3

__all__ = [
    "Behaviour",
    "FileServer",
    "Proxy",
    "Request",
    "S3Server",
    "serve_files",
    "serve_proxy",
    "serve_s3",
]
