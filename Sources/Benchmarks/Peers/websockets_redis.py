"""Python `websockets` and redis-py (asyncio, pipelines by round trip)."""

import asyncio

import websockets

from peer import Run, store


async def main():
    run = Run()
    messages, arrived = [], asyncio.Event()

    async def receive():
        async with websockets.connect(run.url, ssl=run.tls, compression=None, max_size=None) as socket:
            await socket.send(run.subscribe)
            async for message in socket:
                if run.started is None:
                    run.first()
                messages.append(message)
                arrived.set()
                if len(messages) > 20000:
                    # Redis is behind: leave the messages with the exchange's socket.
                    await asyncio.sleep(0.001)

    receiver = asyncio.create_task(receive())
    storer = asyncio.create_task(store(run, messages, arrived))
    done, _ = await asyncio.wait({receiver, storer}, return_when=asyncio.FIRST_COMPLETED)
    receiver.cancel()
    for task in done:
        task.result()


asyncio.run(main())
