"""An echo server made of the PyPI package `websockets`: an independent judge of frames, masks and permessage-deflate.

Usage: echo_server.py SERVER_BITS CLIENT_BITS SERVER_NO_CONTEXT CLIENT_NO_CONTEXT   (bits: 8..15 or 0 for none; flags: 0 or 1)
Prints its port on 127.0.0.1 and serves until it is killed.
"""

import asyncio
import sys

from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def main():
    server_bits, client_bits, server_fresh, client_fresh = (int(argument) for argument in sys.argv[1:5])
    deflate = ServerPerMessageDeflateFactory(
        server_no_context_takeover=bool(server_fresh),
        client_no_context_takeover=bool(client_fresh),
        server_max_window_bits=server_bits or None,
        client_max_window_bits=client_bits or None,
    )

    async def echo(connection):
        async for message in connection:
            # Lists go out in fragments.
            await connection.send([message[: len(message) // 2], message[len(message) // 2 :]] if len(message) > 1 else message)

    async with serve(echo, "127.0.0.1", 0, extensions=[deflate], compression=None, max_size=None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
